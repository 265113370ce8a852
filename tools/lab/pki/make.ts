/** `npm run certs`: makes a lab PKI into a folder. */
import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { IdError, parseEid } from '../../../src/messages/ids.ts';
import { loopbackHosts, makeLabPki, saveLabPki } from './lab-pki.ts';

const usage = `npm run certs -- --out FOLDER [options]

Makes a CI (root), EUM, eUICC, SM-DP+ (auth, pb, tls), SM-DS (auth, tls), operator (tls) and eIM (sign, tls), each as
NAME.cert.pem and NAME.key.pem.

  --out FOLDER        where to; it must be new or empty
  --eid EID           EID of the eUICC (32 digits); its first eight become the EUM's prefix
  --smdp-host NAME    DNS name of the SM-DP+
  --smdp-oid OID      its object identifier, default 2.999.10
  --smds-host NAME    DNS name of the SM-DS
  --curve CURVE       of all keys but those of TLS and of the eIM: prime256v1 (default) or brainpoolP256r1
  --eim-id NAME       eimId, and CN of the eIM's certificates
  --eim-host NAME     DNS name of the eIM, default its eimId
  --host NAME         one more DNS name or IP address for all TLS certificates (repeatable)
`;

try {
  make();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const plain =
    error instanceof IdError ||
    ('code' in error && /^(ERR_PARSE_ARGS|E[A-Z]+$)/.test(`${error.code}`));
  console.error(`certs: ${plain ? error.message : error.stack}`);
  process.exitCode = 2;
}

function make(): void {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      eid: { type: 'string' },
      'smdp-host': { type: 'string' },
      'smdp-oid': { type: 'string' },
      'smds-host': { type: 'string' },
      curve: { type: 'string' },
      'eim-id': { type: 'string' },
      'eim-host': { type: 'string' },
      host: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.out === undefined) {
    console.log(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const folder = values.out;
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    console.error(`certs: ${folder} is not empty; nothing was written`);
    process.exitCode = 2;
    return;
  }
  const { curve } = values;
  if (curve !== undefined && curve !== 'prime256v1' && curve !== 'brainpoolP256r1') {
    console.error('certs: --curve is prime256v1 or brainpoolP256r1; nothing was written');
    process.exitCode = 2;
    return;
  }
  const pki = makeLabPki({
    hosts: [...loopbackHosts, ...values.host],
    ...(curve !== undefined && { curve }),
    ...(values['smds-host'] !== undefined && { smdsHost: values['smds-host'] }),
    ...(values.eid !== undefined && { eid: parseEid(values.eid) }),
    ...(values['smdp-host'] !== undefined && { smdpHost: values['smdp-host'] }),
    ...(values['smdp-oid'] !== undefined && { smdpOid: values['smdp-oid'] }),
    ...(values['eim-id'] !== undefined && { eimId: values['eim-id'] }),
    ...(values['eim-host'] !== undefined && { eimHost: values['eim-host'] }),
  });
  saveLabPki(pki, folder);
  console.log(`certs: made ${Object.keys(pki).length} credentials in ${folder}`);
}
