/**
 * How long bodies take over the links of tools/lab, by Block2 and by Q-Block2, beside what the link allows: the body's
 * octets at its bandwidth, and one round trip. And what a whole download costs on the wire, beside its messages.
 */
import Table from 'cli-table3';
import { type LinkProfile, linkProfiles } from '../lab/link/profiles.ts';
import { VirtualDevice, type Way } from './blockwise-device.ts';

export interface BlockwiseOptions {
  /** Runs behind each figure of the tables, and behind the aim; each with a seed of its own. */
  readonly seeds: number;
  readonly aimSeeds: number;
  readonly json?: true;
}

/** The aims: a body by Q-Block2 beside the limit; octets of a download beside those of its messages. */
const aims = { ofLimit: 1.3, overhead: 0.12 };
const bodies = [12_000, 30_000, 60_000] as const;
const ways: readonly Way[] = [1024, 512, 256, 'quick'];
/** Octets of the request whose answer is the body: GetBoundProfilePackage, as the lab's card makes it. */
const requestOctets = 180;
/** Of IPv4 and UDP. */
const datagramHeaders = 28;
const lossy: LinkProfile = { ...linkProfiles['nbiot-good'], loss: { share: 0.02, burst: 1 } };

/** One body over one link in one way; times in milliseconds, medians of the runs. */
export interface BlockwiseRow {
  readonly link: string;
  readonly body: number;
  readonly way: Way;
  readonly time: number;
  readonly p90: number;
  readonly limit: number;
  /** UDP payload of both directions, beside the octets of request and response. */
  readonly overhead: number;
}

/** All ESipa exchanges of a download, in octets. */
export interface DownloadRow {
  readonly way: Way;
  /** Of the messages, both ways; of UDP payload; of IPv4 packets. */
  readonly messages: number;
  readonly wire: number;
  readonly packets: number;
}

export interface BlockwiseResult {
  readonly rows: readonly BlockwiseRow[];
  readonly aimed: readonly BlockwiseRow[];
  readonly downloads: readonly DownloadRow[];
}

/**
 * A download of 30,000 octets, request and response of each exchange: as in the wire table of the lab, whose certificates
 * and cards these sizes are of.
 */
const download: readonly (readonly [name: string, request: number, response: number])[] = [
  ['GetEimPackage', 21, 107],
  ['InitiateAuthentication', 112, 791],
  ['AuthenticateClient', 1490, 830],
  ['GetBoundProfilePackage', requestOctets, 30_000],
  ['HandleNotification', 176, 0],
  ['GetEimPackage', 21, 6],
];

/** Prints the figures beside their aims; the exit code is 1 where one is missed. */
export async function benchBlockwise(options: BlockwiseOptions): Promise<void> {
  const result = await measureBlockwise(options);
  const judged = judge(result);
  if (options.json === true) console.log(JSON.stringify({ ...result, judged }));
  else report(result, judged, options);
  if (judged.some(({ holds }) => !holds)) process.exitCode = 1;
}

export async function measureBlockwise(options: BlockwiseOptions): Promise<BlockwiseResult> {
  const rows: BlockwiseRow[] = [];
  for (const [link, profile] of Object.entries(linkProfiles)) {
    for (const body of bodies) {
      for (const way of ways) rows.push(await row(link, profile, body, way, options.seeds));
    }
  }
  const aimed: BlockwiseRow[] = [];
  for (const body of bodies) {
    aimed.push(await row('nbiot-good, 2 % loss', lossy, body, 'quick', options.aimSeeds));
  }
  const downloads: DownloadRow[] = [];
  for (const way of ways) downloads.push(await wholeDownload(way));
  return { rows, aimed, downloads };
}

async function row(
  link: string,
  profile: LinkProfile,
  body: number,
  way: Way,
  seeds: number,
): Promise<BlockwiseRow> {
  const times: number[] = [];
  const overheads: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const device = await VirtualDevice.connected(profile, way, seed);
    const { time, octets } = await device.exchange(requestOctets, body);
    times.push(time);
    overheads.push(octets / (body + requestOctets) - 1);
  }
  const limit = (body * 8000) / profile.bandwidthDown + profile.roundTrip;
  const time = quantile(times, 0.5);
  const overhead = quantile(overheads, 0.5);
  return { link, body, way, time, p90: quantile(times, 0.9), limit, overhead };
}

/** Over a link that loses nothing: what a loss costs is in the other tables. */
async function wholeDownload(way: Way): Promise<DownloadRow> {
  const device = await VirtualDevice.connected(linkProfiles.lan, way, 1);
  let [messages, wire, packets] = [0, 0, 0];
  for (const [, request, response] of download) {
    const { octets, datagrams } = await device.exchange(request, response);
    messages += request + response;
    wire += octets;
    packets += octets + datagrams * datagramHeaders;
  }
  return { way, messages, wire, packets };
}

interface Judged {
  readonly what: string;
  readonly value: number;
  readonly aim: number;
  readonly holds: boolean;
}

function judge({ aimed, downloads }: BlockwiseResult): readonly Judged[] {
  const judged = (what: string, value: number, aim: number) => ({
    what,
    value,
    aim,
    holds: value <= aim,
  });
  return [
    ...aimed.map(({ body, time, limit }) =>
      judged(`${kilo(body)} by Q-Block2, of the limit`, time / limit, aims.ofLimit),
    ),
    ...downloads
      .filter(({ way }) => way === 'quick' || way === 1024)
      .map(({ way, wire, messages }) =>
        judged(
          `overhead of a download of 30 kB by ${wayText(way)}`,
          wire / messages - 1,
          aims.overhead,
        ),
      ),
  ];
}

function report(
  { rows, aimed, downloads }: BlockwiseResult,
  judged: readonly Judged[],
  { seeds, aimSeeds }: BlockwiseOptions,
): void {
  const times = newTable(['link', 'body', 'limit', ...ways.map(wayText)]);
  for (const link of Object.keys(linkProfiles)) {
    for (const body of bodies) {
      const found = rows.filter((one) => one.link === link && one.body === body);
      const limit = found[0]?.limit ?? 0;
      times.push([link, kilo(body), seconds(limit), ...found.map(timeText)]);
    }
  }
  console.log(
    `Time of a body, median of ${seeds} runs (seeds 1 to ${seeds}), and times the limit:`,
  );
  console.log(times.toString());
  const wire = newTable(['link', 'body', ...ways.map(wayText)]);
  for (const link of Object.keys(linkProfiles)) {
    for (const body of bodies) {
      const found = rows.filter((one) => one.link === link && one.body === body);
      wire.push([link, kilo(body), ...found.map(({ overhead }) => share(overhead))]);
    }
  }
  console.log('Octets on the wire (UDP payload, both ways) above those of request and response:');
  console.log(wire.toString());
  const aim = newTable(['link', 'body', 'limit', 'median', '90th percentile', 'overhead']);
  for (const { link, body, limit, time, p90, overhead } of aimed) {
    const of = (value: number) => `${seconds(value)}, ${(value / limit).toFixed(2)} ×`;
    aim.push([link, kilo(body), seconds(limit), of(time), of(p90), share(overhead)]);
  }
  console.log(`Q-Block2 where a datagram in fifty is lost, ${aimSeeds} runs:`);
  console.log(aim.toString());
  const whole = newTable(['download of 30 kB', 'messages', 'UDP payload', 'above', 'with IPv4']);
  for (const { way, messages, wire: payload, packets } of downloads) {
    whole.push([
      wayText(way),
      messages,
      payload,
      share(payload / messages - 1),
      share(packets / messages - 1),
    ]);
  }
  console.log('All ESipa exchanges of a download over a connection that is there, without loss:');
  console.log(whole.toString());
  for (const { what, value, aim: most, holds } of judged) {
    console.log(
      `${holds ? 'holds' : 'MISSED'}: ${what} ${value.toFixed(3)} (aim: ${most} at most)`,
    );
  }
}

function newTable(head: string[]) {
  return new Table({
    head,
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
}

function timeText({ time, limit }: BlockwiseRow): string {
  // A link without a bandwidth has no limit to speak of.
  return limit < 100 ? seconds(time) : `${seconds(time)}, ${(time / limit).toFixed(1)} ×`;
}

function wayText(way: Way): string {
  return way === 'quick' ? 'Q-Block2' : `Block2, ${way}`;
}

function kilo(octets: number): string {
  return `${octets / 1000} kB`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
