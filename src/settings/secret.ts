/** Where the key of the secrets in the store comes from. */
import { optional, optionalPath, paths, secretSetting, text } from './setting.ts';

export const secret = {
  key: secretSetting(
    optional(text),
    'Key of the secrets in the store (PSKs and the like), 32 octets in hex or base64: best given in the environment.',
  ),
  keyFile: optionalPath(
    'File with that key. Neither set: secret.key in the data folder, made on first start. Elsewhere it also protects',
    'copies of the whole data folder.',
  ),
  formerKeyFiles: paths(
    'Files with keys of before: what they sealed is sealed anew on the next start; then they can go.',
  ),
} as const;
