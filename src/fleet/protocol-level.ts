/**
 * The version of SGP.32 that an eUICC's device speaks, as far as it matters to an eIM: v1.0, v1.2 (and v1.1, which the eIM
 * takes for it), v1.3. Set by the operator, or learned:
 *
 * ```
 *   set by the operator            counts before all else
 *   the IPA's own shapes           what only v1.0 has: the IPA is what reads the eIM's messages
 *   iotVersion of EUICCInfo2       SGP.32 4.x, told in a data request
 *   the IPA's own shapes           what v1.0 does not have
 *   nothing                        v1.2 is assumed, and nothing is refused because of it
 * ```
 *
 * Over HTTPS, X-Admin-Protocol is one of the IPA's own shapes: from v1.3 on it says the version of SGP.32.
 */
import { EUICCInfo2 } from '../messages/rsp.ts';
import { DerError } from '../messages/tlv.ts';

export const protocolLevels = ['v1.0', 'v1.2', 'v1.3'] as const;
export type ProtocolLevel = (typeof protocolLevels)[number];

/** What the device's own behaviour shows. */
export interface LevelSeen {
  readonly level: ProtocolLevel;
  /** For people: by what. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The facts of an eUICC that its level follows from. */
export interface LevelFacts {
  /** `learned`: the operator wants it learned again. */
  readonly levelSet?: ProtocolLevel | 'learned';
  readonly levelSeen?: LevelSeen;
  /** `BF22…`. */
  readonly euiccInfo2?: Uint8Array;
}

export interface KnownLevel {
  readonly level: ProtocolLevel;
  readonly from: 'set' | 'behaviour' | 'iotVersion' | 'assumed';
  /** For people: `set by the operator`, `rplmn-v1.0`. */
  readonly by: string;
}

export function levelOf({ levelSet, levelSeen, euiccInfo2 }: LevelFacts): KnownLevel {
  if (levelSet !== undefined && levelSet !== 'learned') {
    return { level: levelSet, from: 'set', by: 'set by the operator' };
  }
  const seen: KnownLevel | undefined = levelSeen && {
    level: levelSeen.level,
    from: 'behaviour',
    by: levelSeen.by,
  };
  if (seen?.level === 'v1.0') return seen;
  return iotVersionOf(euiccInfo2) ?? seen ?? assumed;
}

const assumed: KnownLevel = { level: 'v1.2', from: 'assumed', by: 'assumed: nothing tells it' };

/** The highest of the versions that the eUICC lists; undefined where it lists none. */
function iotVersionOf(euiccInfo2: Uint8Array | undefined): KnownLevel | undefined {
  if (euiccInfo2 === undefined) return undefined;
  try {
    const versions = EUICCInfo2.decode(euiccInfo2).iotSpecificInfo?.iotVersion ?? [];
    const numbers = versions.map(([major = 0, minor = 0]) => major * 256 + minor);
    if (numbers.length === 0) return undefined;
    const highest = Math.max(...numbers);
    const level = highest > 0x102 ? 'v1.3' : highest > 0x100 ? 'v1.2' : 'v1.0';
    return { level, from: 'iotVersion', by: `iotVersion ${highest >> 8}.${highest & 0xff}` };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}
