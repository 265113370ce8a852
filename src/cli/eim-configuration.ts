/** Options of an EimConfigurationData (SGP.32 2.11.1.1.1): what an eUICC is to know of an eIM. */
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { CliError, ExitCode } from './exit.ts';

export interface ConfigurationOptions {
  readonly der?: string;
  readonly eimId?: string;
  readonly fqdn?: string;
  readonly idType?: keyof typeof idTypes;
  readonly counterValue?: string;
  readonly associationToken?: string;
  readonly publicKey?: string;
  readonly certificate?: string;
  readonly tlsKey?: string;
  readonly tlsCertificate?: string;
  readonly protocols?: string;
  readonly ci?: string;
  readonly indirectDownload?: true;
}

const idTypes = {
  oid: 'eimIdTypeOid',
  fqdn: 'eimIdTypeFqdn',
  proprietary: 'eimIdTypeProprietary',
} as const;

/** The options by the members of the submission that they give. */
export const configurationNames = {
  eimConfigurationData: '--der',
  eimId: '--eim-id',
  eimFqdn: '--fqdn',
  counterValue: '--counter-value',
  associationToken: '--association-token',
  eimPublicKey: '--public-key',
  eimCertificate: '--certificate',
  trustedEimPkTls: '--tls-key',
  trustedCertificateTls: '--tls-certificate',
  eimSupportedProtocol: '--protocols',
  euiccCiPKId: '--ci',
};

export function configurationOptions(command: Command): Command {
  return command
    .option('--der <file|hex>', 'the whole EimConfigurationData (30…), in place of what follows')
    .option('--eim-id <id>', 'eimId: its name on the eUICC')
    .option('--fqdn <host>', 'where IPAs find it, host or host:port')
    .addOption(new Option('--id-type <type>', 'what the eimId is').choices(Object.keys(idTypes)))
    .option('--counter-value <number>', 'counterValue: its packages go on from it')
    .option('--association-token <number>', 'a number, or generate: the eUICC makes one')
    .addOption(
      new Option('--public-key <file>', 'key that its packages are verified with').conflicts(
        'certificate',
      ),
    )
    .option('--certificate <file>', 'certificate that its packages are verified with')
    .addOption(
      new Option('--tls-key <file>', 'key of its TLS or DTLS server').conflicts('tlsCertificate'),
    )
    .option('--tls-certificate <file>', 'certificate of its TLS or DTLS server, or of the CA')
    .option(
      '--protocols <list>',
      'eimRetrieveHttps, eimRetrieveCoaps, eimInjectHttps, eimInjectCoaps, eimProprietary: those it has',
    )
    .option('--ci <hex>', 'key identifier of the CI under which the eUICC is to sign for it')
    .option('--indirect-download', 'it relays profile downloads');
}

/** The members that the options give, as /v1 takes them. */
export async function configurationOf(options: ConfigurationOptions): Promise<object> {
  if (options.der !== undefined) return { eimConfigurationData: await fileOrHex(options.der) };
  const { publicKey, certificate, tlsKey, tlsCertificate } = options;
  const { eimId, fqdn, idType, counterValue, associationToken, protocols, ci } = options;
  const members = {
    eimId,
    eimFqdn: fqdn,
    eimIdType: idType && idTypes[idType],
    counterValue: numberOf(counterValue),
    associationToken: numberOf(associationToken),
    eimPublicKey: publicKey && (await contents(publicKey)),
    eimCertificate: certificate && (await contents(certificate)),
    trustedEimPkTls: tlsKey && (await contents(tlsKey)),
    trustedCertificateTls: tlsCertificate && (await contents(tlsCertificate)),
    eimSupportedProtocol: protocols?.split(/[\s,]+/),
    euiccCiPKId: ci,
    indirectProfileDownload: options.indirectDownload,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** Text that is no number stays text, for the check to complain about. */
export function numberOf(text: string | undefined): unknown {
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : text;
}

/** The text of a file, or its octets in hex; hex itself stays as it is. */
export async function fileOrHex(text: string): Promise<string> {
  return /^([0-9a-f]{2})+$/i.test(text) ? text : contents(text);
}

/** A file's text where it is PEM or hex, else its octets in hex. */
async function contents(path: string): Promise<string> {
  let octets: Buffer;
  try {
    octets = await readFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(ExitCode.badInput, why, undefined, { cause });
  }
  const text = octets.toString('latin1').trim();
  return /^(-----BEGIN|[0-9a-f\s]+$)/i.test(text) ? text : octets.toString('hex');
}
