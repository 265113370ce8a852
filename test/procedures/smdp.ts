/** An SM-DP+ behind ES9+ that answers what a test scripts, and records what it was asked. */
import { hex } from '../../src/base/bytes.ts';
import type {
  AuthenticateClient,
  InitiateAuthentication,
  InitiateAuthenticationResult,
} from '../../src/es9/calls.ts';
import type {
  AuthenticateClientResult,
  CancelSession,
  GetBoundProfilePackage,
  GetBoundProfilePackageResult,
} from '../../src/es9/client.ts';
import { Es9Error } from '../../src/es9/errors.ts';
import { ServerSigned1, SmdpSigned2, StoreMetadataRequest } from '../../src/messages/rsp.ts';
import { tlv } from '../../src/messages/tlv.ts';
import type { Es9 } from '../../src/procedures/eim.ts';
import { iccid, pki } from './euicc.ts';

export type Call =
  | ({ readonly name: 'initiateAuthentication'; readonly address: string } & InitiateAuthentication)
  | ({ readonly name: 'authenticateClient'; readonly address: string } & AuthenticateClient)
  | ({ readonly name: 'getBoundProfilePackage'; readonly address: string } & GetBoundProfilePackage)
  | ({ readonly name: 'cancelSession'; readonly address: string } & CancelSession)
  | {
      readonly name: 'handleNotification';
      readonly address: string;
      readonly pendingNotification: Uint8Array;
    };

export type FunctionName = Call['name'];

export const transactionId = hex('0102030405060708090A0B0C0D0E0F10');
export const boundProfilePackage = tlv(
  0xbf36,
  new Uint8Array(3000).map((_, i) => i),
);
export const metadata = StoreMetadataRequest.encode({
  iccid: hex(iccid),
  serviceProviderName: 'Lab',
  profileName: 'Lab One',
  profileClass: 2,
});

/** What a call ends with: a changed answer, or an error. */
type Script = Error | Readonly<Record<string, unknown>> | Promise<unknown>;

export class TestSmdp implements Es9 {
  readonly calls: Call[] = [];
  /** By function: what the coming calls end with, the first first; without any they succeed. */
  readonly scripts: { [K in FunctionName]?: Script[] } = {};
  /** By function: what every call ends with, until it is taken out. */
  readonly always: { [K in FunctionName]?: Script } = {};
  serverAddress = 'smdp.example.com';
  transactionId = transactionId;

  /** The next call of this function ends so. */
  next(name: FunctionName, ...scripts: readonly Script[]): void {
    this.scripts[name] = [...(this.scripts[name] ?? []), ...scripts];
  }

  named<N extends FunctionName>(name: N): Extract<Call, { readonly name: N }>[] {
    return this.calls.filter(
      (call): call is Extract<Call, { readonly name: N }> => call.name === name,
    );
  }

  initiateAuthentication(
    address: string,
    asked: InitiateAuthentication,
  ): Promise<InitiateAuthenticationResult> {
    const serverSigned1 = ServerSigned1.encode({
      transactionId: this.transactionId,
      euiccChallenge: asked.euiccChallenge,
      serverAddress: this.serverAddress,
      serverChallenge: new Uint8Array(16).fill(3),
    });
    return this.#answer(
      { name: 'initiateAuthentication', address, ...asked },
      {
        transactionId: this.transactionId,
        serverSigned1,
        serverSignature1: new Uint8Array(64).fill(1),
        euiccCiPKIdToBeUsed: hex('F54172BDF98A95D65CBEB88A38A1C11D800A85C3'),
        serverCertificate: pki.dpAuth.certificate,
      },
    );
  }

  authenticateClient(
    address: string,
    asked: AuthenticateClient,
  ): Promise<AuthenticateClientResult> {
    return this.#answer(
      { name: 'authenticateClient', address, ...asked },
      {
        transactionId: asked.transactionId,
        profileMetadata: metadata,
        smdpSigned2: SmdpSigned2.encode({
          transactionId: asked.transactionId,
          ccRequiredFlag: false,
        }),
        smdpSignature2: new Uint8Array(64).fill(2),
        smdpCertificate: pki.dpPb.certificate,
      },
    );
  }

  getBoundProfilePackage(
    address: string,
    asked: GetBoundProfilePackage,
  ): Promise<GetBoundProfilePackageResult> {
    return this.#answer(
      { name: 'getBoundProfilePackage', address, ...asked },
      { transactionId: asked.transactionId, boundProfilePackage },
    );
  }

  cancelSession(address: string, asked: CancelSession): Promise<void> {
    return this.#answer({ name: 'cancelSession', address, ...asked }, undefined);
  }

  handleNotification(address: string, pendingNotification: Uint8Array): Promise<void> {
    return this.#answer({ name: 'handleNotification', address, pendingNotification }, undefined);
  }

  async #answer<T>(call: Call, right: T): Promise<T> {
    this.calls.push(call);
    const script = this.scripts[call.name]?.shift() ?? this.always[call.name];
    if (script instanceof Promise) await script;
    if (script instanceof Error) throw script;
    return script === undefined || script instanceof Promise ? right : { ...right, ...script };
  }
}

/** A refusal of the SM-DP+ (SGP.22 5.2.6). */
export function refusal(codes: string, message = 'no'): Es9Error {
  const [subjectCode = '-', reasonCode = '-'] = codes.split('/');
  return new Es9Error({ subjectCode, reasonCode, message });
}
