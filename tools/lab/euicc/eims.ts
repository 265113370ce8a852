/** The eIMs that the eUICC is associated with (SGP.32 2.11.1, 5.9.17 to 5.9.19). */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { equal, hex, toHex } from '../../../src/base/bytes.ts';
import {
  type AddEimResult,
  AddEimResultCode,
  DeleteEimResult,
  EimConfigurationData,
  type EimIdInfo,
  EimIdType,
  generateAssociationToken,
  UpdateEimResult,
} from '../../../src/messages/eco.ts';
import {
  AddInitialEimError,
  AddInitialEimRequest,
  AddInitialEimResponse,
  GetCertsError,
  GetCertsRequest,
  GetCertsResponse,
  GetEimConfigurationDataRequest,
  GetEimConfigurationDataResponse,
} from '../../../src/messages/es10.ts';
import { maxCounterValue } from '../../../src/messages/euicc-package.ts';
import type { Infer } from '../../../src/messages/schema.ts';
import type { Chip } from './chip.ts';
import type { EimRecord } from './state.ts';

/** Most eIMs where the options do not say. */
const defaultMostEims = 8;

type AddOk = Extract<
  Infer<typeof AddInitialEimResponse>,
  { readonly type: 'addInitialEimOk' }
>['value'][number];

/** AddInitialEim, `BF57`: all of the list or none; only while no eIM is associated. */
export function addInitialEim(chip: Chip, command: Uint8Array): Uint8Array {
  const { eimConfigurationDataList: list } = AddInitialEimRequest.decode(command);
  const error = chip.state.eims.length > 0 ? 2 : firstComplaint(chip, list);
  if (error !== undefined) {
    return AddInitialEimResponse.encode({ type: 'addInitialEimError', value: error });
  }
  const value = list.map((configuration): AddOk => {
    const { associationToken } = addEim(chip, configuration);
    if (associationToken === undefined) return { type: 'addOk', value: true };
    return { type: 'associationToken', value: associationToken };
  });
  return AddInitialEimResponse.encode({ type: 'addInitialEimOk', value });
}

function firstComplaint(chip: Chip, list: readonly EimConfigurationData[]): number | undefined {
  const ids = new Set(list.map((configuration) => configuration.eimId));
  if (list.length === 0) return AddInitialEimError.commandError;
  if (ids.size < list.length) return AddInitialEimError.associatedEimAlreadyExists;
  if (list.length > mostEims(chip)) return AddInitialEimError.insufficientMemory;
  return list.map((configuration) => complaint(chip, configuration)).find((x) => x !== undefined);
}

/** What is wrong with a configuration, in the codes that AddInitialEim and addEim share. */
function complaint(chip: Chip, configuration: EimConfigurationData): number | undefined {
  const { counterValue = 0, associationToken } = configuration;
  if (!knowsCi(chip, configuration)) return AddInitialEimError.ciPKUnknown;
  if (associationToken !== undefined && associationToken !== generateAssociationToken) {
    return AddInitialEimError.invalidAssociationToken;
  }
  if (counterValue < 0 || counterValue > maxCounterValue) {
    return AddInitialEimError.counterValueOutOfRange;
  }
  // Without a key that it can check signatures with, the association would be of no use.
  if (publicKeyOf(configuration) === undefined) return AddInitialEimError.commandError;
  return undefined;
}

function knowsCi(chip: Chip, { euiccCiPKId }: EimConfigurationData): boolean {
  return euiccCiPKId === undefined || chip.signingKeyIds.some((id) => equal(id, euiccCiPKId));
}

function mostEims(chip: Chip): number {
  return chip.options.mostEims ?? defaultMostEims;
}

function addEim(chip: Chip, configuration: EimConfigurationData): EimRecord {
  const { counterValue = 0, associationToken, ...kept } = configuration;
  const record: EimRecord = {
    eimId: configuration.eimId,
    configuration: toHex(EimConfigurationData.encode(kept)),
    counterValue,
  };
  if (associationToken === generateAssociationToken) {
    chip.state.lastAssociationToken += 1;
    record.associationToken = chip.state.lastAssociationToken;
  }
  chip.state.eims.push(record);
  return record;
}

/** The eCO addEim: one more eIM, beside those that there are. */
export function addAnotherEim(
  chip: Chip,
  configuration: EimConfigurationData,
): Infer<typeof AddEimResult> {
  const refused = (value: number) => ({ type: 'addEimResultCode', value }) as const;
  if (eimOf(chip, configuration.eimId) !== undefined) {
    return refused(AddEimResultCode.associatedEimAlreadyExists);
  }
  const code = complaint(chip, configuration);
  if (code !== undefined) return refused(code);
  if (chip.state.eims.length >= mostEims(chip)) return refused(AddEimResultCode.insufficientMemory);
  const { associationToken } = addEim(chip, configuration);
  if (associationToken === undefined) return refused(AddEimResultCode.ok);
  return { type: 'associationToken', value: associationToken };
}

/** The eCO deleteEim; an eIM may delete itself. */
export function deleteEim(chip: Chip, eimId: string): number {
  const { state } = chip;
  if (eimOf(chip, eimId) === undefined) return DeleteEimResult.eimNotFound;
  state.eims = state.eims.filter((record) => record.eimId !== eimId);
  return state.eims.length === 0 ? DeleteEimResult.lastEimDeleted : DeleteEimResult.ok;
}

/**
 * The eCO updateEim: what is given replaces what there is. The counter goes back with a new key alone, as packages of
 * before would be good again otherwise; an association token is not for an update.
 */
export function updateEim(chip: Chip, configuration: EimConfigurationData): number {
  const record = eimOf(chip, configuration.eimId);
  if (record === undefined) return UpdateEimResult.eimNotFound;
  if (!knowsCi(chip, configuration)) return UpdateEimResult.ciPKUnknown;
  const { counterValue = record.counterValue, associationToken, ...given } = configuration;
  const hasNewKey = given.eimPublicKeyData !== undefined;
  if (counterValue < 0 || counterValue > maxCounterValue) {
    return UpdateEimResult.counterValueOutOfRange;
  }
  if (counterValue < record.counterValue && !hasNewKey) {
    return UpdateEimResult.counterValueOutOfRange;
  }
  if (associationToken !== undefined || (hasNewKey && publicKeyOf(given) === undefined)) {
    return UpdateEimResult.commandError;
  }
  const before = EimConfigurationData.decode(hex(record.configuration));
  record.configuration = toHex(EimConfigurationData.encode({ ...before, ...present(given) }));
  record.counterValue = counterValue;
  return UpdateEimResult.ok;
}

function present(given: EimConfigurationData): Partial<EimConfigurationData> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The eCO listEim; the type of an eimId is told of OIDs and FQDNs (SGP.32 2.11.2.1). */
export function listEim(chip: Chip): Infer<typeof EimIdInfo>[] {
  return chip.state.eims.map(({ eimId, configuration }) => {
    const { eimIdType } = EimConfigurationData.decode(hex(configuration));
    const isTold = eimIdType === EimIdType.eimIdTypeOid || eimIdType === EimIdType.eimIdTypeFqdn;
    return { eimId, ...(isTold ? { eimIdType } : {}) };
  });
}

export function eimOf(chip: Chip, eimId: string): EimRecord | undefined {
  return chip.state.eims.find((record) => record.eimId === eimId);
}

/** The key that an eIM signs its packages with. */
export function eimKey(record: EimRecord): KeyObject | undefined {
  return publicKeyOf(EimConfigurationData.decode(hex(record.configuration)));
}

/** eimPublicKeyData pins a key: a certificate around it is not checked. */
function publicKeyOf({ eimPublicKeyData }: EimConfigurationData): KeyObject | undefined {
  if (eimPublicKeyData === undefined) return undefined;
  try {
    const key =
      eimPublicKeyData.type === 'eimPublicKey'
        ? createPublicKey({
            key: Buffer.from(eimPublicKeyData.value),
            format: 'der',
            type: 'spki',
          })
        : new X509Certificate(eimPublicKeyData.value).publicKey;
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    // OpenSSL has many ways to say that these bytes are no key.
    return undefined;
  }
}

/** GetEimConfigurationData, `BF55`: all eIMs, or the one asked for; counters are not told. */
export function getEimConfigurationData(chip: Chip, command: Uint8Array): Uint8Array {
  const { searchCriteria } = GetEimConfigurationDataRequest.decode(command);
  const eimConfigurationDataList = chip.state.eims
    .filter((record) => searchCriteria === undefined || searchCriteria.value === record.eimId)
    .map((record) => ({
      ...EimConfigurationData.decode(hex(record.configuration)),
      associationToken: record.associationToken,
    }));
  return GetEimConfigurationDataResponse.encode({ eimConfigurationDataList });
}

/** GetCerts, `BF56`: the certificates under the CI asked for, or under the only one there is. */
export function getCerts(chip: Chip, command: Uint8Array): Uint8Array {
  const { euiccCiPKId } = GetCertsRequest.decode(command);
  if (euiccCiPKId !== undefined && !chip.signingKeyIds.some((id) => equal(id, euiccCiPKId))) {
    return GetCertsResponse.encode({ type: 'getCertsError', value: GetCertsError.invalidCiPKId });
  }
  return GetCertsResponse.encode({
    type: 'certs',
    value: {
      eumCertificate: chip.options.eumCertificate,
      euiccCertificate: chip.options.credential.certificate,
    },
  });
}
