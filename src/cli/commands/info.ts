/** `eim info`: who the eIM is, and what a device or eUICC needs to know of it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { hex } from '../../base/bytes.ts';
import type { InfoView } from '../../rest/api/info.ts';
import { type Context, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';

interface InfoOptions {
  readonly out?: string;
  readonly tlsTrust?: string;
  readonly counterValue?: string;
  readonly associationToken?: string;
  readonly ci?: string;
}

export function addInfo(program: Command, context: Context): void {
  program
    .command('info')
    .description('show the eIM: its addresses, and what makes a eUICC accept it')
    .option('--out <folder>', 'also write it there as files, ready for a device')
    .addOption(
      new Option(
        '--tls-trust <what>',
        "what eUICCs are told to trust of the DTLS server (default: the eIM's eim.tls.trust)",
      ).choices(['key', 'certificate']),
    )
    .option(
      '--counter-value <number>',
      'counterValue that eUICCs are told (default: euicc.counterStart)',
    )
    .addOption(
      new Option(
        '--association-token <what>',
        'whether the eUICC is to make an association token (default: generate)',
      ).choices(['generate', 'none']),
    )
    .option('--ci <hex>', 'key identifier of the CI under which the eUICC is to sign for this eIM')
    .addHelpText(
      'after',
      `
Files written: eim-configuration-data and add-initial-eim-request, each as .der and .hex,
eim-signing.pem (certificate or public key that verifies eUICC Packages) and
tls-certificate.pem (the DTLS server's).

Example:
  eim info --out ./for-device
  eim info --tls-trust key --out ./for-raw-public-keys`,
    )
    .action(async ({ out, ci, ...told }: InfoOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const info = await client.info({ ...told, euiccCiPKId: ci });
      const written = out === undefined ? [] : await write(out, info);
      if (output.json) return output.document(info);
      output.facts([
        ...info.warnings.map((text) => ['WARNING', { text, colour: 'red' }] as const),
        ['eIM', info.eimId],
        ['version', info.version],
        ['FQDN', info.eimFqdn],
        ['coaps', `${info.coaps.host}:${info.coaps.port}`],
        ...(info.https === undefined
          ? []
          : [
              [info.https.tls ? 'https' : 'http', `${info.https.host}:${info.https.port}`] as const,
            ]),
        ['host', `${info.hostname}, up since ${info.started}`],
        ['EimConfigurationData', info.eimConfigurationData],
        ['AddInitialEimRequest', info.addInitialEimRequest],
        ...Object.entries(info.drops).map(
          ([reason, count]) => [`dropped, ${reason}`, String(count)] as const,
        ),
      ]);
      for (const file of written) output.note(`wrote ${file}`);
    });
}

async function write(folder: string, info: InfoView): Promise<readonly string[]> {
  const files: readonly (readonly [name: string, content: string | Uint8Array])[] = [
    ['eim-configuration-data.der', hex(info.eimConfigurationData)],
    ['eim-configuration-data.hex', `${info.eimConfigurationData}\n`],
    ['add-initial-eim-request.der', hex(info.addInitialEimRequest)],
    ['add-initial-eim-request.hex', `${info.addInitialEimRequest}\n`],
    ['eim-signing.pem', info.eimCertificate],
    ['tls-certificate.pem', info.tlsCertificate],
  ];
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of files) await writeFile(join(folder, name), content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(ExitCode.failed, `${folder} cannot be written: ${why}`, undefined, {
      cause,
    });
  }
  return files.map(([name]) => join(folder, name));
}
