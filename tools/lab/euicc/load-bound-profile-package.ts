/**
 * ES10b.LoadBoundProfilePackage (SGP.22 5.7.6, 2.5.3 to 2.5.6): the package comes in pieces; each segment is verified,
 * decrypted and carried out as soon as it is whole. The answer is empty until the end or the first error, and then it is
 * the signed ProfileInstallationResult.
 */
import { createHash } from 'node:crypto';
import { concat, equal, hex, toHex } from '../../../src/base/bytes.ts';
import { type Iccid, iccidOf } from '../../../src/messages/ids.ts';
import {
  BppCommandId,
  ErrorReason,
  type ProfileInstallationResultData,
} from '../../../src/messages/notifications.ts';
import { ProfileClass, StoreMetadataRequest } from '../../../src/messages/rsp.ts';
import { DerError, readAll, readOnly } from '../../../src/messages/tlv.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import {
  crtSupported,
  readReplaceSessionKeys,
  readSecureChannel,
  secureChannelSignedInput,
} from '../bsp/bound-profile-package.ts';
import { Bsp, BspError } from '../bsp/bsp.ts';
import { agree, deriveSessionKeys, KeyAgreementError } from '../bsp/session-keys.ts';
import { type Profile, ProfileReader } from '../profile/read.ts';
import { installed, ProfileError, refused } from '../profile/status.ts';
import type { Chip } from './chip.ts';
import { Incoming, type Reading } from './incoming.ts';
import { supportedServices } from './info.ts';
import { addInstallationResult, addNotifications } from './notifications.ts';
import type { Prepared } from './session.ts';

/** Most octets of InitialiseSecureChannel, ConfigureISDP, ReplaceSessionKeys and the metadata, segments included. */
const mostChannel = 512;
const mostConfiguration = 1024;
const mostMetadata = 16 * 1024;
/** dpProprietaryData with tag and length (SGP.22 5.5.2). */
const mostProprietaryData = 128;

/** The installation failed: the reason of the ProfileInstallationResult. */
class InstallationError extends Error {
  override readonly name = 'InstallationError';
  readonly reason: number;
  readonly simaResponse: Uint8Array | undefined;

  constructor(reason: number, complaint: string, simaResponse?: Uint8Array) {
    super(complaint);
    this.reason = reason;
    this.simaResponse = simaResponse;
  }
}

type FinalResult = ProfileInstallationResultData['finalResult'];

/** A load under way. */
export class Loading {
  readonly #chip: Chip;
  readonly #session: Prepared;
  readonly #incoming = new Incoming('boundProfilePackage');
  readonly #steps: Reading<FinalResult>;
  #command: number = BppCommandId.initialiseSecureChannel;
  #metadata: StoreMetadataRequest | undefined;

  constructor(chip: Chip, session: Prepared) {
    this.#chip = chip;
    this.#session = session;
    this.#steps = this.#install();
  }

  /** Whether all that came is read: a command of another function may come between two TLVs, but not within one. */
  get betweenTlvs(): boolean {
    return this.#incoming.waiting === 0;
  }

  /** Takes a piece; empty while more is due, then the ProfileInstallationResult `BF37…`, which ends the load. */
  push(piece: Uint8Array): Uint8Array {
    this.#incoming.push(piece);
    let result: FinalResult;
    try {
      const step = this.#steps.next();
      if (step.done !== true) return new Uint8Array();
      result = step.value;
    } catch (error) {
      result = this.#failure(error);
    }
    return this.#finish(result);
  }

  /** Power was lost: nothing is installed, and the result waits in the list of notifications. */
  interrupt(): void {
    this.#finish(
      this.#failure(
        new InstallationError(ErrorReason.installFailedDueToInterruption, 'interrupted'),
      ),
    );
  }

  *#install(): Reading<FinalResult> {
    this.#incoming.limit((yield* this.#incoming.header(0xbf36)).length);
    const channel = yield* this.#incoming.whole(0xbf23, mostChannel);
    const bsp = this.#openChannel(channel.raw);
    this.#command = BppCommandId.configureISDP;
    const configure = yield* this.#segments(0xa0, 0x87, mostConfiguration, (segment) =>
      bsp.decrypt(0x87, segment),
    );
    checkConfigureIsdp(configure);
    this.#command = BppCommandId.storeMetadata;
    const metadata = yield* this.#segments(0xa1, 0x88, mostMetadata, (segment) =>
      bsp.verify(0x88, segment),
    );
    this.#storeMetadata(metadata);
    if ((yield* this.#incoming.next()) === 0xa2) {
      this.#command = BppCommandId.replaceSessionKeys;
      const replace = yield* this.#segments(0xa2, 0x87, mostConfiguration, (segment) =>
        bsp.decrypt(0x87, segment),
      );
      bsp.replaceKeys(accepted(() => readReplaceSessionKeys(replace)));
    }
    this.#command = BppCommandId.loadProfileElements;
    return yield* this.#loadElements(bsp, metadata);
  }

  /** InitialiseSecureChannel: its checks in the standard's order, then the session keys. */
  #openChannel(bytes: Uint8Array): Bsp {
    const { transactionId, otKey, profileBindingKey } = this.#session;
    const channel = readSecureChannel(bytes);
    if (channel.remoteOperation !== 1) {
      throw new InstallationError(ErrorReason.unsupportedRemoteOperationType, 'remoteOpId');
    }
    if (!equal(channel.transactionId, transactionId)) {
      throw new InstallationError(ErrorReason.invalidTransactionId, 'transactionId');
    }
    if (!crtSupported(channel)) {
      throw new InstallationError(ErrorReason.unsupportedCrtValues, 'control reference template');
    }
    const signed = secureChannelSignedInput(channel, otKey.publicKey);
    if (!verifyEcdsa(profileBindingKey, signed, channel.smdpSign)) {
      throw new InstallationError(ErrorReason.invalidSignature, 'smdpSign');
    }
    const secret = agree(otKey.privateKey, channel.smdpOtpk, otKey.curve);
    return new Bsp(deriveSessionKeys(secret, channel.hostId, this.#chip.eid));
  }

  /** The segments of one part of the package, opened and joined. */
  *#segments(
    part: number,
    tag: number,
    most: number,
    open: (segment: Uint8Array) => Uint8Array,
  ): Reading<Uint8Array> {
    const opened: Uint8Array[] = [];
    yield* this.#eachSegment(part, tag, most, (segment) => opened.push(open(segment)));
    return concat(...opened);
  }

  *#eachSegment(
    part: number,
    tag: number,
    most: number,
    take: (segment: Uint8Array) => void,
  ): Reading<void> {
    const { length } = yield* this.#incoming.header(part);
    if (length > most) throw new DerError('boundProfilePackage', `${length} octets are too many`);
    const end = this.#incoming.taken + length;
    while (this.#incoming.taken < end) {
      const left = end - this.#incoming.taken;
      const segment = yield* this.#incoming.whole(tag, Math.min(left, this.#chip.maxSegment));
      take(segment.raw);
    }
  }

  #storeMetadata(bytes: Uint8Array): void {
    const metadata = accepted(() => StoreMetadataRequest.decode(bytes));
    this.#metadata = metadata;
    const iccid = toHex(metadata.iccid);
    if (this.#chip.state.profiles.some((profile) => profile.iccid === iccid)) {
      throw new InstallationError(ErrorReason.installFailedDueToIccidAlreadyExistsOnEuicc, 'iccid');
    }
    if (!Object.values<number>(ProfileClass).includes(metadata.profileClass)) {
      throw new InstallationError(ErrorReason.unsupportedProfileClass, 'profileClass');
    }
    const allowed = this.#chip.options.allowedRules ?? ['ppr1', 'ppr2'];
    const rules = metadata.profilePolicyRules ?? [];
    if (rules.some((rule) => (rule === 'ppr1' || rule === 'ppr2') && !allowed.includes(rule))) {
      throw new InstallationError(ErrorReason.pprNotAllowed, 'profilePolicyRules');
    }
  }

  /** The profile elements: read as they come, and at their end the profile is there. */
  *#loadElements(bsp: Bsp, metadata: Uint8Array): Reading<FinalResult> {
    const { state, faults } = this.#chip;
    const reader = new ProfileReader({ services: supportedServices });
    const digest = createHash('sha256');
    let size = 0;
    let count = 0;
    yield* this.#eachSegment(0xa3, 0x86, Number.POSITIVE_INFINITY, (segment) => {
      count += 1;
      if (count === faults.powerCutAtSegment) {
        throw new InstallationError(ErrorReason.installFailedDueToInterruption, 'power cut');
      }
      const plain = bsp.decrypt(0x86, segment);
      size += plain.length;
      if (size > state.freeMemory) {
        const reason = ErrorReason.installFailedDueToInsufficientMemoryForProfile;
        throw new InstallationError(reason, `more than ${state.freeMemory} octets`);
      }
      digest.update(plain);
      reader.push(plain);
    });
    this.#incoming.finish();
    const profile = reader.done();
    this.#checkIccid(profile);
    const aid = freeAid(this.#chip);
    state.profiles.push({
      aid,
      iccid: profile.iccid,
      enabled: false,
      metadata: toHex(metadata),
      size,
      sha256: digest.digest('hex').toUpperCase(),
      elements: profile.elements.length,
      ...(profile.imsi === undefined ? {} : { imsi: profile.imsi }),
    });
    state.freeMemory -= size;
    return {
      type: 'successResult',
      value: { aid: hex(aid), simaResponse: installed() },
    };
  }

  /** ICCID of the metadata, of the package's header and of its EF.ICCID are one. */
  #checkIccid(profile: Profile): void {
    const iccid = this.#iccid;
    if (profile.iccid === iccid && (profile.efIccid ?? iccid) === iccid) return;
    throw new InstallationError(ErrorReason.installFailedDueToDataMismatch, 'iccid');
  }

  get #iccid(): Iccid | undefined {
    return this.#metadata === undefined ? undefined : iccidOf(this.#metadata.iccid);
  }

  #failure(error: unknown): FinalResult {
    const value = (reason: number, simaResponse?: Uint8Array): FinalResult => ({
      type: 'errorResult',
      value: { bppCommandId: this.#command, errorReason: reason, simaResponse },
    });
    if (error instanceof InstallationError) return value(error.reason, error.simaResponse);
    if (error instanceof ProfileError) {
      return value(ErrorReason.installFailedDueToPEProcessingError, refused(error));
    }
    if (error instanceof BspError && error.kind === 'security') {
      return value(ErrorReason.scp03tSecurityError);
    }
    if (error instanceof KeyAgreementError) return value(ErrorReason.incorrectInputValues);
    if (error instanceof DerError || error instanceof BspError) {
      return value(ErrorReason.scp03tStructureError);
    }
    throw error;
  }

  #finish(finalResult: FinalResult): Uint8Array {
    const { transactionId, serverAddress, smdpOid } = this.#session;
    const iccid = this.#metadata?.iccid;
    if (!isInterruption(finalResult)) delete this.#chip.state.unusedKey;
    const result = addInstallationResult(this.#chip, {
      transactionId,
      serverAddress,
      smdpOid,
      finalResult,
      ...(iccid === undefined ? {} : { iccid }),
    });
    if (finalResult.type === 'successResult' && this.#metadata !== undefined) {
      addNotifications(this.#chip, 'notificationInstall', this.#metadata, serverAddress);
    }
    this.#chip.session = undefined;
    if (finalResult.type === 'successResult' && iccid !== undefined) {
      this.#chip.installed = { iccid: toHex(iccid), serverAddress, smdpOid };
    }
    return result;
  }
}

/** Nothing was wrong with the package: the key that it is bound to may serve once more. */
function isInterruption({ type, value }: FinalResult): boolean {
  return type === 'errorResult' && value.errorReason === ErrorReason.installFailedDueToInterruption;
}

/** What a command's plaintext says; nonsense in it is incorrectInputValues, not a fault of the protection around it. */
function accepted<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new InstallationError(ErrorReason.incorrectInputValues, error.message);
  }
}

/** `BF24{B8?}`. */
function checkConfigureIsdp(bytes: Uint8Array): void {
  accepted(() => {
    const command = readOnly(bytes, 'configureISDP');
    const data = readAll(command.value, 'configureISDP').find((item) => item.tag === 0xb8);
    if (command.tag !== 0xbf24 || (data?.raw.length ?? 0) > mostProprietaryData) {
      throw new DerError('configureISDP', 'not a ConfigureISDPRequest');
    }
  });
}

/** The first AID of an ISD-P that no profile has: octets 14 and 15 count from 0010. */
function freeAid(chip: Chip): string {
  for (let number = 0x10; ; number++) {
    const digits = number.toString(16).toUpperCase().padStart(4, '0');
    const aid = `A0000005591010FFFFFFFF8900${digits}00`;
    if (!chip.state.profiles.some((profile) => profile.aid === aid)) return aid;
  }
}
