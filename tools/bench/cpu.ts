/** What a process has cost, by Linux's own books. */
import { existsSync, readFileSync } from 'node:fs';

/** Of a second; what Linux counts /proc/PID/stat in (USER_HZ) on every platform that Node has. */
const ticks = 100;

/** Whether this machine has the books. */
export function hasCpuBooks(): boolean {
  return existsSync('/proc/self/stat');
}

/** Microseconds of CPU, user and system, of all threads of a process so far. */
export function cpuOf(pid: number): number {
  // The second field is the name in brackets, which may hold spaces; utime and stime are the 14th and 15th.
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticks;
}
