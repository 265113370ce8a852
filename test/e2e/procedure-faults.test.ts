/**
 * What goes wrong on each way to a profile: the order ends with a name for it, and the eUICC holds no more than it
 * should. The eUICC is asked itself, and the SM-DP+ how far it takes the profile to be.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fault } from '../../tools/lab/arguments.ts';
import { type Procedure, procedures } from '../../tools/lab/procedures/procedures.ts';
import {
  type ProcedureResult,
  type RunOptions,
  runProcedure,
} from '../../tools/lab/procedures/run.ts';
import { World } from '../../tools/lab/procedures/world.ts';

/** The orders' outcomes, through the eIM and directly; how far the SM-DP+ takes the profile to be. */
type Expected = readonly [indirect: string, direct: string, smdp: string];

interface Row {
  /** What SM-DP+ and SM-DS do wrong, as the command line takes it. */
  readonly dp?: string;
  readonly ds?: string;
  readonly otherwise?: Partial<RunOptions>;
  readonly cancels?: Procedure['cancels'];
  readonly ends: Expected;
}

const unknown = 'procedureError undefinedError';
const initiate = 'procedureError initiateAuthenticationError';
const authenticate = 'procedureError authenticateClientError';
const euiccRefused = 'procedureError authenticateResponseError';
const euiccRefusedProfile = 'procedureError downloadResponseError';
const bind = 'procedureError getBoundProfilePackageError';
const failed = 'errorResult';
const installed = 'successResult';

const activationCode: readonly Row[] = [
  { dp: 'refuse:8.8.1/3.8@initiateAuthentication', ends: [initiate, unknown, 'released'] },
  { dp: 'refuse:8.2.6/3.8@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { dp: 'refuse:8.2.5/4.3@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { dp: 'refuse:8.2/3.7@getBoundProfilePackage', ends: [bind, unknown, 'released'] },
  {
    dp: 'refuse@cancelSession',
    cancels: 'endUserRejection',
    ends: ['procedureError cancelSessionResponseError', unknown, 'released'],
  },
  { dp: 'down@initiateAuthentication', ends: [initiate, unknown, 'released'] },
  { dp: 'down@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { dp: 'down@getBoundProfilePackage', ends: [bind, unknown, 'released'] },
  // It is on the eUICC; who is to tell the SM-DP+ tries again later.
  { dp: 'down@handleNotification', ends: [installed, installed, 'downloaded'] },
  { dp: 'cut@getBoundProfilePackage', ends: [bind, unknown, 'downloaded'] },
  { dp: 'stall@getBoundProfilePackage', ends: [bind, unknown, 'downloaded'] },
  { dp: 'slow:2s@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { dp: 'slow:200ms@getBoundProfilePackage', ends: [installed, installed, 'installed'] },
  { dp: 'status@getBoundProfilePackage', ends: [bind, unknown, 'released'] },
  { dp: 'nonsense@initiateAuthentication', ends: [initiate, unknown, 'released'] },
  { dp: 'line-broken', ends: [installed, installed, 'installed'] },
  { dp: 'wrong-oid*1', ends: [euiccRefusedProfile, unknown, 'released'] },
  { dp: 'wrong-signature@initiateAuthentication', ends: [euiccRefused, unknown, 'released'] },
  { dp: 'wrong-signature@authenticateClient', ends: [euiccRefusedProfile, unknown, 'released'] },
  { dp: 'wrong-signature@getBoundProfilePackage', ends: [failed, failed, 'error'] },
  { dp: 'wrong-certificate@initiateAuthentication', ends: [euiccRefused, unknown, 'released'] },
  { dp: 'wrong-challenge', ends: [euiccRefused, unknown, 'released'] },
  { dp: 'wrong-address', ends: [unknown, unknown, 'released'] },
  { dp: 'wrong-transaction@initiateAuthentication', ends: [unknown, unknown, 'released'] },
  { dp: 'expire', ends: [authenticate, unknown, 'error'] },
  { dp: 'corrupt-bpp:87', ends: [failed, failed, 'error'] },
  { dp: 'corrupt-bpp:88', ends: [failed, failed, 'error'] },
  { dp: 'corrupt-bpp:86', ends: [failed, failed, 'error'] },
  { dp: 'truncated-bpp', ends: [failed, failed, 'error'] },
  // The metadata in the package are not those that were announced: the device gives it up.
  { dp: 'wrong-iccid', ends: ['cancelSessionResult ok', unknown, 'error'] },
  // The eUICC's own: it refuses the server, refuses the profile, loses power while it is loaded.
  {
    otherwise: { cardFaults: { authenticateServer: 127 } },
    ends: [euiccRefused, unknown, 'released'],
  },
  {
    otherwise: { cardFaults: { prepareDownload: 127 } },
    ends: [euiccRefusedProfile, unknown, 'released'],
  },
  {
    otherwise: { cardFaults: { powerCutAtSegment: 2 } },
    ends: [failed, failed, 'error'],
  },
  {
    otherwise: { confirmationCode: '1234', typedCode: '9999' },
    ends: [bind, unknown, 'released'],
  },
];

const smds: readonly Row[] = [
  { ds: 'refuse:8.9.1/3.8@initiateAuthentication', ends: [initiate, unknown, 'released'] },
  { ds: 'refuse:8.9.5/3.9@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { ds: 'down@initiateAuthentication', ends: [initiate, unknown, 'released'] },
  { ds: 'down@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { ds: 'nonsense@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { ds: 'slow:2s@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { ds: 'wrong-signature@initiateAuthentication', ends: [euiccRefused, unknown, 'released'] },
  { ds: 'wrong-certificate@initiateAuthentication', ends: [euiccRefused, unknown, 'released'] },
  { otherwise: { withoutEvent: true }, ends: ['smdsResult noEvent', unknown, 'released'] },
  { dp: 'refuse:8.2.6/3.8@authenticateClient', ends: [authenticate, unknown, 'released'] },
  { dp: 'down@getBoundProfilePackage', ends: [bind, unknown, 'released'] },
  { dp: 'corrupt-bpp:86', ends: [failed, failed, 'error'] },
];

/** What a default SM-DP+ can do wrong of its own: it finds the order by the EID. */
const defaultSmdp = activationCode.filter(({ dp }) => dp?.endsWith('@authenticateClient'));

const table = [
  ['indirect-ac', activationCode],
  ['direct-ac', activationCode],
  ['direct-default', defaultSmdp],
  ['indirect-smds', smds],
  ['direct-smds', smds],
] as const;

/** The first entry of an outcome, in a few words. */
function words({ order: { outcome } }: ProcedureResult): string {
  const [[name, value] = []] = outcome.map((entry) => Object.entries(Object(entry))[0] ?? []);
  const { finalResult } = Object(value) as { finalResult?: string };
  return finalResult ?? `${name} ${String(value)}`;
}

describe('what goes wrong', () => {
  let world: World;
  before(async () => {
    world = await World.open({
      settings: { 'es9.answerTimeout': '1s', 'es9.notificationRetry': '100ms' },
    });
  });
  after(() => world.close());

  for (const [name, rows] of table) {
    for (const { dp, ds, otherwise = {}, cancels, ends } of rows) {
      const [indirect, direct, smdp] = ends;
      const due = procedures[name].direct ? direct : indirect;
      const what = dp ?? (ds === undefined ? JSON.stringify(otherwise) : `SM-DS ${ds}`);
      it(`${name}, ${what}: ${due}, ${smdp}`, async () => {
        for (const server of [world.smdpp, world.smds]) server.fault(undefined);
        for (const { kind, ...rest } of faultsIn(dp)) world.smdpp.fault(kind, rest);
        for (const { kind, ...rest } of faultsIn(ds)) world.smds.fault(kind, rest);
        const result = await runProcedure(world, {
          ...{ name, onStep: () => {}, patience: 1000 },
          procedure: { ...procedures[name], ...(cancels && { cancels }) },
          ...otherwise,
        });
        assert.equal(result.order.state, 'done');
        assert.equal(words(result), due, result.order.reason);
        assert.equal(result.order.success, due === installed);
        assert.equal(result.smdp, smdp);
        assert.deepEqual(
          result.euicc.map(({ state }) => state),
          due === installed ? ['disabled'] : [],
        );
      });
    }
  }
});

function faultsIn(text: string | undefined) {
  return text === undefined ? [] : fault(text, []);
}
