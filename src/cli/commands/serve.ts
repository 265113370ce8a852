/** `eim serve`: reads the configuration and runs the eIM until a signal; reads it again on SIGHUP. */
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import {
  type ConfigOptions,
  configHelp,
  configured,
  loaded,
  sourcesOf,
  withConfigOptions,
} from '../config-options.ts';
import type { Context } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { supervisor } from '../systemd.ts';

export function addServe(program: Command, context: Context): void {
  withConfigOptions(
    program
      .command('serve')
      .description('run the eIM: CoAP over DTLS for devices, HTTP for operators'),
  )
    .addHelpText(
      'after',
      `${configHelp}

Signals:
  SIGTERM, SIGINT  finish what is under way (stop.within), then end; a second one ends at once
  SIGHUP           read certificates, trust, CRLs, es9.hosts and log settings again

Examples:
  eim serve
  eim serve --config /etc/eim/eim.yaml --set es9.roots='[/etc/eim/ci.pem]'`,
    )
    .action(async (options: ConfigOptions) => {
      const sources = sourcesOf(context, options);
      const { config, made } = await loaded(sources);
      const complain = (text: string) => context.stderr.write(`${text}\n`);
      if (made) complain(`made ${sources.file}: every setting is in it, with its default`);
      const { serve } = await import('../../main.ts');
      const { weaknesses } = await import('../../weaknesses.ts');
      // Whatever log.level is.
      for (const text of weaknesses(config)) complain(`WARNING: ${text}`);
      // Signals may come while it starts: a reload has nothing to do then, a stop waits for the start.
      let reload = (): Promise<unknown> => Promise.resolve();
      const hangUp = () => {
        reload().catch((error: unknown) => complain(`reload failed: ${String(error)}`));
      };
      process.on('SIGHUP', hangUp);
      const stop = stopSignal();
      const again = () => loadConfig(sources).config;
      const service = await configured(() => serve(config, undefined, again));
      reload = () => service.reload();
      const { tell, keepAlive } = supervisor(context.env, complain);
      const stopSigns = keepAlive();
      await tell('--ready');
      await stop;
      reload = () => Promise.resolve();
      stopSigns();
      secondSignal();
      try {
        await Promise.all([tell('STOPPING=1'), service.close()]);
      } finally {
        endSoon();
      }
    });
}

const signals = ['SIGINT', 'SIGTERM'] as const;

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve());
  });
}

/** Whoever asks twice does not want to wait. What was acknowledged is on the disk. */
function secondSignal(): void {
  for (const signal of signals) {
    process.removeAllListeners(signal);
    process.once(signal, () => {
      // process.exit() waits for work of the system's that it cannot call back: a third one does not.
      for (const other of signals) process.removeAllListeners(other);
      process.exit(ExitCode.failed);
    });
  }
}

/** How long the process may go on for when all is closed, in milliseconds. */
const lastMoments = 1000;

/**
 * Ends the process by a signal where something keeps it alive that cannot be called back: a name that the system looks
 * up for long, a disk that hangs. process.exit() would wait for those.
 */
function endSoon(): void {
  const end = () => {
    for (const signal of signals) process.removeAllListeners(signal);
    process.kill(process.pid, 'SIGTERM');
  };
  setTimeout(end, lastMoments).unref();
}
