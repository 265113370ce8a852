/** Whom the device trusts: what its eUICC was told of the eIM (trustedPublicKeyDataTls, SGP.32 2.11.1.1.1). */
import { X509Certificate } from 'node:crypto';
import { equal } from '../../../src/base/bytes.ts';
import { GetEimConfigurationDataResponse } from '../../../src/messages/es10.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { type Card, IpaError } from './card.ts';

/**
 * Throws IpaError unless the eIM's (D)TLS chain, DER, its own certificate first, is what the eUICC was given: that very
 * certificate, one that it issued, or one with that very key.
 */
export function trustOfCard(card: Card): (chain: readonly Uint8Array[]) => void {
  const answer = GetEimConfigurationDataResponse.decode(card.transmit(tlv(0xbf55)));
  const trusted = answer.eimConfigurationDataList[0]?.trustedPublicKeyDataTls;
  return ([leaf]) => {
    if (trusted === undefined) throw new IpaError('the eUICC was told of no (D)TLS key of the eIM');
    if (leaf === undefined) throw new IpaError('the eIM sent no certificate');
    if (trusted.type === 'trustedEimPkTls') {
      const spki = new X509Certificate(leaf).publicKey.export({ format: 'der', type: 'spki' });
      if (equal(new Uint8Array(spki), trusted.value)) return;
    } else {
      if (equal(leaf, trusted.value)) return;
      const certificate = new X509Certificate(leaf);
      const issuer = new X509Certificate(trusted.value);
      if (issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
        return;
    }
    throw new IpaError("the eIM's certificate is not the one that the eUICC was told of");
  };
}
