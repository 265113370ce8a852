/** Profiles for people. */
import type { ProfileView } from '../rest/api/profiles.ts';
import { type Cell, type Output, prose } from './output.ts';

/** Profiles in a table. */
export function showProfiles(output: Output, profiles: readonly ProfileView[]): void {
  output.table(
    ['iccid', 'state', 'class', prose('name'), prose('provider'), 'isd-p aid'],
    profiles.map((profile) => [
      profile.iccid,
      stateOf(profile),
      profile.class ?? '',
      nameOf(profile),
      profile.serviceProviderName ?? '',
      profile.isdpAid ?? '',
    ]),
  );
}

export function stateOf({ state, fallback }: ProfileView): Cell {
  return {
    text: `${state ?? ''}${fallback === true ? ', fallback' : ''}`,
    ...(state === 'enabled' ? { colour: 'green' as const } : {}),
  };
}

/** What its user calls it, else what its provider does. */
export function nameOf({ nickname, name }: ProfileView): string {
  return nickname ?? name ?? '';
}
