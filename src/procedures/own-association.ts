/**
 * What an eCO about this eIM itself has put on the card, once the eUICC reports that it is done: packages go on from
 * that counterValue, under that association token, signed with that key.
 */
import type { EuiccPatch } from '../fleet/euiccs.ts';
import type { EimConfigurationData } from '../messages/eco.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import { eimKeyOf } from '../orders/eim-key.ts';
import type { EcoRequest } from '../orders/order.ts';
import { configurationOf } from './eims.ts';

/** The facts that these results change. */
export function ownAssociation(
  ownId: string,
  operations: readonly EcoRequest[],
  results: readonly EuiccResultData[],
): EuiccPatch {
  let patch: EuiccPatch = {};
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (operation === undefined) break;
    patch = { ...patch, ...afterOne(ownId, operation, result) };
  }
  return patch;
}

function afterOne(ownId: string, operation: EcoRequest, result: EuiccResultData): EuiccPatch {
  if ('updateEim' in operation && result.type === 'updateEimResult' && result.value === 0) {
    const configuration = configurationOf(operation.updateEim);
    return configuration.eimId === ownId ? told(configuration) : {};
  }
  if ('addEim' in operation && result.type === 'addEimResult') {
    const configuration = configurationOf(operation.addEim);
    const { type, value } = result.value;
    if (configuration.eimId !== ownId) return {};
    if (type === 'associationToken') return { ...told(configuration), associationToken: value };
    // Added without a token: what is signed ends in the token of zero.
    return value === 0 ? { ...told(configuration), associationToken: 0 } : {};
  }
  return {};
}

function told(configuration: EimConfigurationData): EuiccPatch {
  const { counterValue } = configuration;
  const signingKey = eimKeyOf(configuration);
  return {
    ...(counterValue === undefined ? {} : { counterValue }),
    ...(signingKey === undefined ? {} : { signingKey }),
  };
}
