/** The address of an SM-DP+ or SM-DS as activation codes, notifications and operators write it: `host` or `host:port`. */

/** A text that is no address of a server; the message says what is wrong with it, after the word "address". */
export class SmdpAddressError extends Error {
  override readonly name = 'SmdpAddressError';
  /** Where in the text, from 0. */
  readonly at: number;

  constructor(complaint: string, at: number) {
    super(complaint);
    this.at = at;
  }
}

export interface SmdpAddress {
  /** DNS name in lower case, IPv4 address, or IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** The address as it was written: what the SM-DP+ is told (smdpAddress) and the Host header. */
  readonly text: string;
}

const httpsPort = 443;

/** Characters of a host name (RFC 1123 2.1), and of one of its labels. */
const longest = { name: 253, label: 63 } as const;

/** Reads `smdp.example.com`, `smdp.example.com:8443`, `192.0.2.1:8443`, `[2001:db8::1]:8443`. Throws SmdpAddressError. */
export function parseSmdpAddress(text: string): SmdpAddress {
  if (text === '') refuse('is empty', 0);
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) {
    refuse('is a URL: write the host name alone, without https:// and path', 0);
  }
  const end = text.startsWith('[') ? afterBrackets(text) : afterName(text);
  const host = text.startsWith('[') ? text.slice(1, end - 1) : text.slice(0, end);
  return { host: host.toLowerCase(), port: portAt(text, end), text };
}

/** Where `[2001:db8::1]` ends. */
function afterBrackets(text: string): number {
  const end = text.indexOf(']') + 1;
  if (end === 0) refuse("has a '[' without its ']'", 0);
  // URL reads the brackets too; its own idea of what else may stand there is wider.
  const address = text.slice(0, end);
  if (!/^\[[0-9A-Fa-f:.]{2,45}\]$/.test(address) || !URL.canParse(`https://${address}`)) {
    refuse('has no IPv6 address between its brackets', 1);
  }
  return end;
}

/** Where a host name or an IPv4 address ends. */
function afterName(text: string): number {
  const colon = text.indexOf(':');
  const end = colon < 0 ? text.length : colon;
  if (text.indexOf(':', end + 1) >= 0) {
    refuse('has more than one colon: an IPv6 address stands in brackets', end);
  }
  checkName(text.slice(0, end));
  return end;
}

/**
 * Labels of letters, digits and hyphens (RFC 1123 2.1; the underscore is met in labs). What ends in a number is an
 * IPv4 address or nothing that anyone resolves (RFC 1123 2.1, RFC 3696 2).
 */
function checkName(name: string): void {
  const odd = name.search(/[^A-Za-z0-9._-]/);
  if (odd >= 0) {
    refuse('holds a character that no host name has: letters, digits, hyphens and dots do', odd);
  }
  if (name.length > longest.name) {
    refuse(
      `has a host name of ${name.length} characters, of ${longest.name} at most`,
      longest.name,
    );
  }
  const labels = name.replace(/\.$/, '').split('.');
  let at = 0;
  for (const label of labels) {
    if (label === '') refuse('has nothing between two dots, or at the beginning', at);
    if (label.length > longest.label) {
      refuse(`has ${label.length} characters between two dots, of ${longest.label} at most`, at);
    }
    if (label.startsWith('-')) refuse('has a part that begins with a hyphen', at);
    if (label.endsWith('-')) refuse('has a part that ends with a hyphen', at + label.length - 1);
    at += label.length + 1;
  }
  if (/^[0-9]+$/.test(labels.at(-1) ?? '') && !isIpv4(name)) {
    refuse('ends in a number, and is no IPv4 address of four numbers up to 255', 0);
  }
}

function isIpv4(name: string): boolean {
  const numbers = name.split('.');
  return (
    numbers.length === 4 &&
    numbers.every((number) => /^(0|[1-9][0-9]{0,2})$/.test(number) && Number(number) <= 255)
  );
}

function portAt(text: string, end: number): number {
  if (end === text.length) return httpsPort;
  if (text[end] !== ':') refuse('goes on after its bracket with something other than a port', end);
  const digits = text.slice(end + 1);
  const port = Number(digits);
  if (!/^[0-9]{1,5}$/.test(digits) || port < 1 || port > 65_535) {
    refuse('has a port that is no number from 1 to 65535', end + 1);
  }
  return port;
}

function refuse(complaint: string, at: number): never {
  throw new SmdpAddressError(complaint, at);
}
