/** Examples below the help of commands that need no more than one. */
import type { Command } from 'commander';
import { exampleEid, examplesText } from './order-placing.ts';

const order = '3f0c4f0e-8f0a-4b0e-9d5c-2f1c5a0f7b11';
const connection = '6D6A5C1E0F3B9A27C4D8E011';
const notification = `${exampleEid}-7-smdp.example.com`;

/** By the words of the command. */
const examples: Readonly<Record<string, readonly string[]>> = {
  'eim order show': [`eim order show ${order}`],
  'eim order list': [
    'eim order list --state work',
    `eim order list --eid ${exampleEid} --limit 20 --output csv`,
  ],
  'eim order cancel': [`eim order cancel ${order}`],
  'eim device list': ['eim device list', 'eim device list --output csv > devices.csv'],
  'eim device show': ['eim device show meter-7'],
  'eim device rotate': ['eim device rotate meter-7', 'eim device rotate meter-7 --drop-old'],
  'eim device address': [
    'eim device address meter-7 192.0.2.7:5684',
    'eim device address meter-7 none',
  ],
  'eim device revoke': ['eim device revoke meter-7'],
  'eim device remove': ['eim device remove meter-7'],
  'eim euicc list': ['eim euicc list', `eim euicc list --after ${exampleEid} --limit 20`],
  'eim euicc show': [`eim euicc show ${exampleEid}`],
  'eim euicc handover': [
    `eim euicc handover ${exampleEid} --eim-id eim2 --fqdn eim2.example.com --counter-value 0 --public-key eim2.pem`,
  ],
  'eim euicc quirks': [
    'eim euicc quirks',
    `eim euicc quirks ${exampleEid}`,
    'eim euicc quirks --known',
  ],
  'eim euicc set': [
    `eim euicc set ${exampleEid} --counter-value 500 --association-token 2`,
    `eim euicc set ${exampleEid} --public-key euicc.pem`,
  ],
  'eim dtls list': ['eim dtls list', `eim dtls list --identity ${exampleEid}`],
  'eim dtls show': [`eim dtls show ${connection}`],
  'eim dtls close': [`eim dtls close ${connection}`],
  'eim notification list': ['eim notification list --state refused'],
  'eim notification show': [`eim notification show ${notification}`],
  'eim notification retry': [`eim notification retry ${notification}`],
  'eim notification drop': [`eim notification drop ${notification}`],
  'eim config path': ['eim config path'],
  'eim config init': ['eim config init'],
  'eim config check': ['eim config check --config /etc/eim/eim.yaml'],
  'eim config show': ['eim config show'],
  'eim config reload': ['eim config reload'],
};

/** Gives every command below this one the examples that are here for it. */
export function addExamples(command: Command, path = command.name()): void {
  const own = examples[path];
  if (own !== undefined) command.addHelpText('after', examplesText(own));
  for (const below of command.commands) addExamples(below, `${path} ${below.name()}`);
}
