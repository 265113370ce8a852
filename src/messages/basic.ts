/** The small types that the messages of SGP.22 and SGP.32 are made of (SGP.22 annex H). */
import { bitString, octetString, x509Object } from './primitives.ts';
import { application, define } from './schema.ts';

/** `OCTET STRING (SIZE(1..16))`, chosen by the SM-DP+, the SM-DS or (eimTransactionId) the eIM. */
export const TransactionId = define('TransactionId', octetString(1, 16));

/** `[APPLICATION 26] OCTET STRING (SIZE(10))`, as in EF.ICCID, tag 5A. */
export const Iccid = define('Iccid', application(26, octetString(10)));

/** `OCTET STRING (SIZE(3))`: major, minor, revision; v2.5.0 is 02 05 00. */
export const VersionType = define('VersionType', octetString(3));

export const Octet1 = define('Octet1', octetString(1));
export const Octet4 = define('Octet4', octetString(4));
export const Octet8 = define('Octet8', octetString(8));
export const Octet16 = define('Octet16', octetString(16));
export const Octet32 = define('Octet32', octetString(32));
export const OctetTo16 = define('OctetTo16', octetString(1, 16));

/** X.509; always `30 …` as a value, also where a message has it under A1, A2, A5 or A6. */
export const Certificate = x509Object('Certificate');
export const SubjectPublicKeyInfo = x509Object('SubjectPublicKeyInfo');
export const SubjectKeyIdentifier = define('SubjectKeyIdentifier', octetString());

/** Content octets r‖s of an ECDSA signature, tag 5F37: `[APPLICATION 55] OCTET STRING` */
export const signature = application(55, octetString());
/** An uncompressed point, tag 5F49: `[APPLICATION 73] OCTET STRING` */
export const otpk = application(73, octetString());

export const NotificationEvent = define(
  'NotificationEvent',
  bitString([
    'notificationInstall',
    'notificationEnable',
    'notificationDisable',
    'notificationDelete',
  ]),
);
