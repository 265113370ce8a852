/** Profiles for people. */
import type { ProfileView } from '../rest/api/profiles.ts';
import { type Output, prose } from './output.ts';

/** Profiles in a table. */
export function showProfiles(output: Output, profiles: readonly ProfileView[]): void {
  output.table(
    ['iccid', 'state', 'class', prose('name'), prose('provider'), 'isd-p aid'],
    profiles.map(
      ({ iccid, state, class: kind, nickname, name, serviceProviderName, isdpAid, fallback }) => [
        iccid,
        {
          text: `${state ?? ''}${fallback === true ? ', fallback' : ''}`,
          ...(state === 'enabled' ? { colour: 'green' as const } : {}),
        },
        kind ?? '',
        nickname ?? name ?? '',
        serviceProviderName ?? '',
        isdpAid ?? '',
      ],
    ),
  );
}
