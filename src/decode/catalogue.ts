/** Every message and type that has a name in the modules, to be found by its name or by the tag that it begins with. */
import { Asn1 } from '../messages/asn1-type.ts';
import * as basic from '../messages/basic.ts';
import * as eco from '../messages/eco.ts';
import * as eimPackage from '../messages/eim-package.ts';
import * as es10 from '../messages/es10.ts';
import * as esipa from '../messages/esipa.ts';
import * as euiccPackage from '../messages/euicc-package.ts';
import * as ipaEuiccData from '../messages/ipa-euicc-data.ts';
import * as notifications from '../messages/notifications.ts';
import * as profileDownload from '../messages/profile-download.ts';
import * as psmo from '../messages/psmo.ts';
import * as rsp from '../messages/rsp.ts';

/** In the order in which they are tried: what travels whole comes before what it is made of. */
const modules: readonly Readonly<Record<string, unknown>>[] = [
  esipa,
  eimPackage,
  euiccPackage,
  profileDownload,
  notifications,
  ipaEuiccData,
  rsp,
  es10,
  eco,
  psmo,
  basic,
];

export interface Catalogue {
  readonly names: readonly string[];
  named(name: string): Asn1<unknown> | undefined;
  /** Those whose encoding may begin with this tag. */
  beginningWith(tag: number): readonly Asn1<unknown>[];
}

export function catalogue(): Catalogue {
  const types = new Map<string, Asn1<unknown>>();
  for (const module of modules) {
    for (const [name, one] of Object.entries(module)) {
      if (one instanceof Asn1 && one.name === name && !types.has(name)) types.set(name, one);
    }
  }
  return {
    names: [...types.keys()].sort(),
    named: (name) => types.get(name),
    beginningWith: (tag) => [...types.values()].filter((type) => type.tags.includes(tag)),
  };
}
