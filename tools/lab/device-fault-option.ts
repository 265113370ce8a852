/** `--fault` of the lab's device: by name, as often as wanted. */
import { InvalidArgumentError, Option } from 'commander';
import { type Fault, faultNames, faults } from './faults.ts';

export function deviceFaultOption(): Option {
  return new Option('--fault <name>', 'what the device does wrong (see below); may be repeated')
    .default([], 'nothing')
    .argParser((text: string, before: readonly Fault[]) => [...before, faultNamed(text)]);
}

function faultNamed(text: string): Fault {
  const found = faultNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`one of ${faultNames.join(', ')}`);
}

/** What stands below the help of the device. */
export const deviceFaultHelp = `
Faults of the device:
${Object.entries(faults)
  .map(([name, about]) => `  ${name.padEnd(22)}${about}`)
  .join('\n')}`;
