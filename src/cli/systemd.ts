/**
 * What a supervisor is told (sd_notify(3)): up, reading again, stopping, still alive. Node has no Unix datagram sockets,
 * so `systemd-notify` says it; without NOTIFY_SOCKET nobody is told anything.
 */
import { spawn } from 'node:child_process';

export interface Supervisor {
  /** Resolves when it was told; a failure is told to `complain`. */
  tell(...states: readonly string[]): Promise<void>;
  /** Tells that the event loop turns, as often as the supervisor asks (WATCHDOG_USEC), until it is called again. */
  keepAlive(): () => void;
}

/** How long telling may take, in milliseconds: neither start nor stop is held up by a supervisor that does not listen. */
const patience = 2000;

type Environment = Readonly<Record<string, string | undefined>>;

export function supervisor(env: Environment, complain: (why: string) => void): Supervisor {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdog } = env;
  const tell = (...states: readonly string[]): Promise<void> =>
    socket === undefined || socket === ''
      ? Promise.resolve()
      : new Promise((resolve) => {
          const told = spawn('systemd-notify', [`--pid=${process.pid}`, ...states], {
            env: { PATH: env.PATH, NOTIFY_SOCKET: socket },
            stdio: 'ignore',
            timeout: patience,
            killSignal: 'SIGKILL',
          });
          told.on('error', (error) => {
            complain(`systemd-notify: ${error.message}`);
            resolve();
          });
          told.on('exit', (code, signal) => {
            if (code !== 0) complain(`systemd-notify ended with ${code ?? signal}`);
            resolve();
          });
        });
  return {
    tell,
    keepAlive() {
      const period = Number(watchdog) / 1000;
      if (!(period > 0)) return () => {};
      const timer = setInterval(() => void tell('WATCHDOG=1'), period / 2);
      return () => clearInterval(timer);
    },
  };
}
