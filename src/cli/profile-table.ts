/** Profiles for people. */
import type { ProfileView } from '../rest/api/euiccs.ts';
import type { Output } from './output.ts';

/** Profiles in a table. */
export function showProfiles(output: Output, profiles: readonly ProfileView[]): void {
  output.table(
    ['iccid', 'state', 'class', 'name', 'provider', 'isd-p aid'],
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
