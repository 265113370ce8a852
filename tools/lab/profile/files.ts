/** Files of a profile: the File of a template element and the commands of genericFileManagement (SAIP 8.3). */
import { DerError, readAll, type Tlv } from '../../../src/messages/tlv.ts';
import { readFields, readList } from './fields.ts';
import { readInteger } from './integer.ts';
import { ElementError, PeStatus } from './status.ts';

/** A file as far as a package describes it; what is absent comes from the template. */
export interface ProfileFile {
  /** Octets of an EF, where the package says it. */
  readonly size?: number;
  /** It is the directory of an application. */
  readonly adf: boolean;
  /** Written content, gaps filled with FF. */
  readonly content: Uint8Array;
}

const fcpFields = {
  fileDescriptor: { tag: 0x82, optional: true, size: [2, 4] },
  fileID: { tag: 0x83, optional: true, size: [2, 2] },
  dfName: { tag: 0x84, optional: true, size: [5, 16] },
  lcsi: { tag: 0x8a, optional: true, size: [1, 1] },
  securityAttributesReferenced: { tag: 0x8b, optional: true, size: [1, 3] },
  efFileSize: { tag: 0x80, optional: true, size: [1, 4] },
  pinStatusTemplateDO: { tag: 0xc6, optional: true },
  shortEFID: { tag: 0x88, optional: true, size: [0, 1] },
  proprietaryEFInfo: { tag: 0xa5, optional: true },
  linkPath: { tag: 0xc7, optional: true, size: [0, 8] },
} as const;

type Fcp = Pick<ProfileFile, 'size' | 'adf'>;

/**
 * A File: `SEQUENCE OF CHOICE { doNotCreate, fileDescriptor, fillFileOffset, fillFileContent }`. Offsets are gaps after
 * what was written last. Throws DerError for a wrong shape, ElementError where the content does not fit the file.
 */
export function readFile(content: Uint8Array, path: string): ProfileFile {
  const file = new FileWriter(path);
  for (const item of readAll(content, path)) {
    switch (item.tag) {
      case 0x80:
        break;
      case 0xa1:
        file.create(readFcp(item, path));
        break;
      case 0x82:
        file.skip(readInteger(item.value, path));
        break;
      case 0x83:
        file.write(item.value);
        break;
      default:
        throw new DerError(path, `tag ${item.tag.toString(16)} in a File`);
    }
  }
  return file.done();
}

/**
 * The commands of genericFileManagement: here `02` is the offset, `62` the FCP and `81` the content (the explicit
 * APPLICATION tag switches automatic tags off). Returns the files that they create or write.
 */
export function readFileManagement(content: Uint8Array, path: string): ProfileFile[] {
  const files: ProfileFile[] = [];
  for (const command of readList(content, 0x30, path)) {
    let file: FileWriter | undefined;
    const finish = () => {
      if (file !== undefined) files.push(file.done());
      file = undefined;
    };
    for (const item of readAll(command.value, path)) {
      if (item.tag === 0x80) {
        if (item.value.length > 8 || item.value.length % 2 !== 0) {
          throw new DerError(path, `filePath of ${item.value.length} octets`);
        }
        finish();
      } else if (item.tag === 0x62) {
        finish();
        file = new FileWriter(path);
        file.create(readFcp(item, path));
      } else if (item.tag === 0x02) {
        file ??= new FileWriter(path);
        file.skip(readInteger(item.value, path));
      } else if (item.tag === 0x81) {
        file ??= new FileWriter(path);
        file.write(item.value);
      } else throw new DerError(path, `tag ${item.tag.toString(16)} in a file command`);
    }
    finish();
  }
  if (files.length === 0) throw new DerError(path, 'no file command');
  return files;
}

function readFcp(item: Tlv, path: string): Fcp {
  const fcp = readFields(item.value, `${path}.fileDescriptor`, fcpFields);
  const adf = fcp.dfName !== undefined;
  if (fcp.efFileSize === undefined) return { adf };
  return { adf, size: fcp.efFileSize.value.reduce((size, octet) => size * 256 + octet, 0) };
}

class FileWriter {
  readonly #path: string;
  readonly #writes: (readonly [at: number, bytes: Uint8Array])[] = [];
  #fcp: Fcp = { adf: false };
  #at = 0;

  constructor(path: string) {
    this.#path = path;
  }

  create(fcp: Fcp): void {
    this.#fcp = fcp;
  }

  skip(octets: number): void {
    this.#at += octets;
    this.#check();
  }

  write(bytes: Uint8Array): void {
    this.#writes.push([this.#at, bytes]);
    this.#at += bytes.length;
    this.#check();
  }

  done(): ProfileFile {
    const content = new Uint8Array(this.#at).fill(0xff);
    for (const [at, bytes] of this.#writes) content.set(bytes, at);
    return { ...this.#fcp, content };
  }

  /** A file ends at its size; where the template knows it, at what an offset of 16 bits can reach in practice. */
  #check(): void {
    const size = this.#fcp.size ?? 2 ** 20;
    if (this.#at > size) {
      const complaint = `${this.#path}: content to octet ${this.#at} in a file of ${size}`;
      throw new ElementError(PeStatus.badValues, complaint);
    }
  }
}
