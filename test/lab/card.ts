/** A virtual eUICC with profiles put straight onto it, and an eIM "e" that sends it eUICC Packages. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import type { EimConfigurationData } from '../../src/messages/eco.ts';
import { AddInitialEimRequest } from '../../src/messages/es10.ts';
import {
  type EuiccPackage,
  EuiccPackageRequest,
  EuiccPackageResult,
  EuiccPackageSigned,
  type EuiccResultData,
} from '../../src/messages/euicc-package.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { StoreMetadataRequest } from '../../src/messages/rsp.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { EimSigner, tokenTlv } from '../../src/trust/eim-signer.ts';
import type { EuiccOptions } from '../../tools/lab/euicc/chip.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import type { EuiccState } from '../../tools/lab/euicc/state.ts';
import { labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

export const pki = loadLabPki();
export const signer = new EimSigner(new Uint8Array(32).fill(0x55));
export const otherSigner = new EimSigner(new Uint8Array(32).fill(0x66));

export type ProfileRecord = EuiccState['profiles'][number];

/** A profile as it stands on the card, of nobody's SM-DP+ in particular. */
export function profile(
  iccid: string,
  metadata: Partial<StoreMetadataRequest> = {},
  enabled = false,
): ProfileRecord {
  const notification = (
    event: 'notificationEnable' | 'notificationDisable' | 'notificationDelete',
  ) => ({ profileManagementOperation: [event], notificationAddress: 'smdp.lab' }) as const;
  return {
    aid: `A0000005591010FFFFFFFF8900${iccid.slice(-4)}00`,
    iccid,
    enabled,
    metadata: toHex(
      StoreMetadataRequest.encode({
        iccid: hex(iccid),
        serviceProviderName: 'Lab',
        profileName: 'One',
        profileClass: 2,
        notificationConfigurationInfo: [
          notification('notificationEnable'),
          notification('notificationDisable'),
          notification('notificationDelete'),
        ],
        ...metadata,
      }),
    ),
    size: 1000,
    sha256: '',
    elements: 9,
  };
}

export class TestCard {
  readonly euicc: Euicc;
  /** The last counterValue sent. */
  counterValue = 0;
  /** The eIM's key and token, where an operation changed them. */
  signer = signer;
  token: number | undefined;

  constructor(profiles: readonly ProfileRecord[] = [], options: Partial<EuiccOptions> = {}) {
    this.euicc = new Euicc({
      eid: labEid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      clock: new HandClock(),
      random: seededRandom(1),
      ...options,
    });
    const eimConfigurationDataList = [configuration('e')];
    this.euicc.transmit(AddInitialEimRequest.encode({ eimConfigurationDataList }));
    this.euicc.restore({ ...this.euicc.snapshot(), profiles });
  }

  /** Sends a package; its signed results, whose signature must fit. */
  run(...value: Extract<EuiccPackage, { type: 'psmoList' }>['value']): readonly EuiccResultData[] {
    return this.#results(this.send({ type: 'psmoList', value }));
  }

  runEcos(
    ...value: Extract<EuiccPackage, { type: 'ecoList' }>['value']
  ): readonly EuiccResultData[] {
    return this.#results(this.send({ type: 'ecoList', value }));
  }

  send(euiccPackage: EuiccPackage): Uint8Array {
    this.counterValue += 1;
    const euiccPackageSigned = signedOf(EuiccPackageSigned, {
      eimId: 'e',
      eidValue: eidOctets(labEid),
      counterValue: this.counterValue,
      eimTransactionId: hex('AAAAAAAA'),
      euiccPackage,
    });
    const eimSignature = this.signer.sign(euiccPackageSigned.raw, this.token);
    return this.euicc.transmit(EuiccPackageRequest.encode({ euiccPackageSigned, eimSignature }));
  }

  #results(bytes: Uint8Array): readonly EuiccResultData[] {
    return resultsOf(EuiccPackageResult.decode(bytes), this.token);
  }

  /** One ES10 command, all in hex. */
  es10(command: string): string {
    return toHex(this.euicc.transmit(hex(command)));
  }

  get enabled(): string[] {
    return this.euicc.snapshot().profiles.flatMap((one) => (one.enabled ? [one.iccid] : []));
  }

  get iccids(): string[] {
    return this.euicc.snapshot().profiles.map(({ iccid }) => iccid);
  }
}

/** The results of a package; the eUICC's signature must be under this token. */
export function resultsOf(result: EuiccPackageResult, token?: number): readonly EuiccResultData[] {
  if (result.type !== 'euiccPackageResultSigned') return assert.fail(result.type);
  const { euiccPackageResultDataSigned: data, euiccSignEPR } = result.value;
  const key = new X509Certificate(pki.euicc.certificate).publicKey;
  assert.ok(verifyEcdsa(key, concat(data.raw, tokenTlv(token)), euiccSignEPR), 'euiccSignEPR');
  return data.value.euiccResult;
}

/** An eIM that signs with `by`. */
export function configuration(
  eimId: string,
  more: Partial<EimConfigurationData> = {},
  by = signer,
): EimConfigurationData {
  return {
    eimId,
    counterValue: 0,
    eimPublicKeyData: { type: 'eimPublicKey', value: by.publicKeyInfo },
    ...more,
  };
}
