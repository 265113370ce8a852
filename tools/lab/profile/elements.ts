/** The profile elements of a package and their tags (TCA eUICC Profile Package, PEDefinitions: ProfileElement). */

export const ElementTag = {
  header: 0xa0,
  genericFileManagement: 0xa1,
  pinCodes: 0xa2,
  pukCodes: 0xa3,
  akaParameter: 0xa4,
  cdmaParameter: 0xa5,
  securityDomain: 0xa6,
  rfm: 0xa7,
  application: 0xa8,
  nonStandard: 0xa9,
  end: 0xaa,
  mf: 0xb0,
  cd: 0xb1,
  telecom: 0xb2,
  usim: 0xb3,
  'opt-usim': 0xb4,
  isim: 0xb5,
  'opt-isim': 0xb6,
  phonebook: 0xb7,
  'gsm-access': 0xb8,
  csim: 0xb9,
  'opt-csim': 0xba,
  eap: 0xbb,
  'df-5gs': 0xbc,
  'df-saip': 0xbd,
  'df-snpn': 0xbe,
  'df-5gprose': 0xbf1f,
  iot: 0xbf20,
  'opt-iot': 0xbf21,
} as const;

export type ElementName = keyof typeof ElementTag;

const names = new Map<number, ElementName>(
  Object.entries(ElementTag).map(([name, tag]) => [tag, name as ElementName]),
);

/** The element that a tag stands for; undefined for tags reserved for future elements. */
export function elementOf(tag: number): ElementName | undefined {
  return names.get(tag);
}

/**
 * The template an element is built from: the number after 2.23.143.1.2 (content `67 81 0F 01 02 xx`; later versions of
 * a template add an arc). Elements that SAIP 3 added last are missing: any template is accepted for them.
 */
export const templateOf: Partial<Readonly<Record<ElementName, number>>> = {
  mf: 1,
  cd: 2,
  telecom: 3,
  usim: 4,
  'opt-usim': 5,
  phonebook: 6,
  'gsm-access': 7,
  isim: 8,
  'opt-isim': 9,
  csim: 10,
  'opt-csim': 11,
  eap: 12,
  'df-5gs': 13,
  'df-saip': 14,
};

/** The content of the OIDs of all templates, without the number: 2.23.143.1.2. */
export const templatePrefix = Uint8Array.of(0x67, 0x81, 0x0f, 0x01, 0x02);

/** eUICC-Mandatory-services of the header, in the order of their tags 80 to 9D. */
export const services = [
  'contactless',
  'usim',
  'isim',
  'csim',
  'milenage',
  'tuak128',
  'cave',
  'gba-usim',
  'gba-isim',
  'mbms',
  'eap',
  'javacard',
  'multos',
  'multiple-usim',
  'multiple-isim',
  'multiple-csim',
  'tuak256',
  'usim-test-algorithm',
  'ber-tlv',
  'dfLink',
  'cat-tp',
  'get-identity',
  'profile-a-x25519',
  'profile-b-p256',
  'suciCalculatorApi',
  'dns-resolution',
  'scp11ac',
  'scp11c-authorization-mechanism',
  's16mode',
  'eaka',
] as const;

export type Service = (typeof services)[number];
