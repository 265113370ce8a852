/**
 * What devices of each version of SGP.32 can take (facts sheet sgp32-eim, 10). An order that is beyond a device is refused
 * with the reason, where it is placed or, if the level is learned later, when the device comes for it; and what v1.0 spells
 * otherwise is spelt so.
 */
import { hex } from '../base/bytes.ts';
import type { KnownLevel, ProtocolLevel } from '../fleet/protocol-level.ts';
import { tagListOf, tagsOf } from '../messages/tag-list.ts';
import { DerError, readAll, readOnly } from '../messages/tlv.ts';
import type { OrderRequest } from './order.ts';

/** Operations that came after v1.0. */
const afterV10 = ['setFallbackAttribute', 'unsetFallbackAttribute', 'setDefaultDpAddress'] as const;

/** Tags of EimConfigurationData and the version that brought them. */
const configurationTags: ReadonlyMap<number, ProtocolLevel> = new Map([
  [0x89, 'v1.2'], // indirectProfileDownload
  [0xaa, 'v1.3'], // eSipaProprietaryProtocolInformation
]);

/** Octets of a whole SubjectKeyIdentifier, which v1.0 wants. */
const wholeKeyId = 20;

/**
 * Why a device of this level cannot take the order; undefined where it can. Where the level is only assumed, nothing is
 * beyond it. Throws BytesError or DerError where the request is none, which rest/api/ leaves no room for.
 */
export function beyondLevel(known: KnownLevel, request: OrderRequest): string | undefined {
  if (known.from === 'assumed') return undefined;
  const what = whatIsBeyond(known.level, request);
  if (what === undefined) return undefined;
  return (
    `${what}, and this device speaks ${known.level} (${known.by}); ` +
    'where that is wrong: eim euicc set <eid> --level'
  );
}

function whatIsBeyond(level: ProtocolLevel, request: OrderRequest): string | undefined {
  if ('psmo' in request) {
    const names = request.psmo.flatMap((one) => Object.keys(one));
    const newer = level === 'v1.0' ? afterV10.find((name) => names.includes(name)) : undefined;
    return newer && `${newer} came with SGP.32 v1.1`;
  }
  if ('eco' in request) {
    for (const one of request.eco) {
      const der =
        'addEim' in one
          ? one.addEim.eimConfigurationData
          : 'updateEim' in one
            ? one.updateEim.eimConfigurationData
            : undefined;
      const newer = der && newerTag(level, hex(der));
      if (newer) return newer;
    }
    return undefined;
  }
  return 'edr' in request && level === 'v1.0' ? beyondDataRequest(request.edr) : undefined;
}

function newerTag(level: ProtocolLevel, configuration: Uint8Array): string | undefined {
  for (const { tag } of readAll(readOnly(configuration).value)) {
    const since = configurationTags.get(tag);
    if (since !== undefined && since > level) {
      return `${tag.toString(16).toUpperCase()} of EimConfigurationData came with SGP.32 ${since}`;
    }
  }
  return undefined;
}

function beyondDataRequest(
  edr: Extract<OrderRequest, { readonly edr: unknown }>['edr'],
): string | undefined {
  if (edr.searchCriteriaEuiccPackageResult !== undefined) {
    return 'searchCriteriaEuiccPackageResult came with SGP.32 v1.1';
  }
  if (tagList(hex(edr.tagList)).includes(0xa2)) {
    return 'euiccPackageResultList (A2) came with SGP.32 v1.1';
  }
  const keyId = edr.euiccCiPKId;
  if (keyId !== undefined && hex(keyId).length < wholeKeyId) {
    return 'a shortened euiccCiPKId came with SGP.32 v1.1';
  }
  return undefined;
}

function tagList(octets: Uint8Array): readonly number[] {
  try {
    return tagsOf(octets);
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}

/** Tags of IpaEuiccData as v1.0 asks for them, where they differ. */
const tagsOfV10: ReadonlyMap<number, number> = new Map([
  [0xa0, 0xbf2b],
  [0x81, 0x80],
  [0xa8, 0x88],
]);

/** The tagList of a data request, as the device's version has it. */
export function tagListFor({ level }: Pick<KnownLevel, 'level'>, octets: Uint8Array): Uint8Array {
  if (level !== 'v1.0') return octets;
  const tags = tagList(octets);
  if (tags.length === 0) return octets;
  return tagListOf(tags.map((tag) => tagsOfV10.get(tag) ?? tag));
}
