/** Reads modules of ASN.1 (X.680), as much of it as the modules of SGP.22 and SGP.32 use, and says what is on the wire. */

interface ParsedType {
  /** The tag written before it: class bits and number. */
  readonly tag?: readonly [classBits: number, number: number] | undefined;
  readonly body: Body;
}

type Body =
  | { readonly kind: 'reference'; readonly name: string }
  | { readonly kind: 'primitive'; readonly type: string; readonly detail: string }
  | { readonly kind: 'SEQUENCE OF'; readonly of: ParsedType }
  | { readonly kind: 'SEQUENCE' | 'CHOICE'; readonly members: readonly Member[] };

interface Member {
  readonly name: string;
  readonly type: ParsedType;
  readonly suffix: '' | ' OPTIONAL' | ` DEFAULT ${string}`;
}

const universal: Readonly<Record<string, number>> = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  'BIT STRING': 0x03,
  'OCTET STRING': 0x04,
  NULL: 0x05,
  'OBJECT IDENTIFIER': 0x06,
  UTF8String: 0x0c,
};

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    const bare = text.replaceAll(/\/\*[\s\S]*?\*\//g, ' ').replaceAll(/--.*$/gm, ' ');
    this.#tokens = bare.match(/::=|\.\.|[A-Za-z][\w-]*|[0-9]+|[^\s\w]/g) ?? [];
  }

  /** Everything of the form `Name ::= type`, between BEGIN and END. */
  assignments(): Map<string, ParsedType> {
    const found = new Map<string, ParsedType>();
    this.#at = this.#tokens.indexOf('BEGIN') + 1;
    if (this.#peek() === 'IMPORTS') this.#at = this.#tokens.indexOf(';', this.#at) + 1;
    while (this.#peek() !== 'END') {
      const name = this.#next();
      if (/^[a-z]/.test(name)) {
        this.#skipValue();
      } else {
        this.#expect('::=');
        if (this.#peek() === 'CLASS') this.#skipBraces();
        else found.set(name, this.#type());
      }
    }
    return found;
  }

  #skipValue(): void {
    while (this.#peek() !== '::=') this.#next();
    this.#next();
    this.#skipBraces();
  }

  #skipBraces(): void {
    while (this.#next() !== '}') {}
  }

  #type(): ParsedType {
    let tag: ParsedType['tag'];
    if (this.#peek() === '[') {
      this.#next();
      const classes: Readonly<Record<string, number>> = { APPLICATION: 0x40, PRIVATE: 0xc0 };
      const classBits = classes[this.#peek()];
      if (classBits !== undefined) this.#next();
      tag = [classBits ?? 0x80, Number(this.#next())];
      this.#expect(']');
      if (this.#peek() === 'IMPLICIT') this.#next();
    }
    return { tag, body: this.#body() };
  }

  #body(): Body {
    const word = this.#next();
    switch (word) {
      case 'SEQUENCE':
        if (this.#peek() === 'OF') {
          this.#next();
          return { kind: 'SEQUENCE OF', of: this.#type() };
        }
        return { kind: word, members: this.#members() };
      case 'CHOICE':
        return { kind: word, members: this.#members() };
      case 'OCTET':
      case 'BIT':
      case 'OBJECT':
        return this.#primitive(`${word} ${this.#next()}`);
      case 'OPENTYPE':
        while (/^[.&]|^(typeId|Type)$/.test(this.#peek())) this.#next();
        return { kind: 'primitive', type: word, detail: '' };
      default:
        return word in universal ? this.#primitive(word) : { kind: 'reference', name: word };
    }
  }

  #primitive(type: string): Body {
    let detail = '';
    if (this.#peek() === '{') {
      detail = this.#until('}');
    } else if (this.#peek() === '(') {
      detail = this.#until(')') + this.#next();
    }
    return { kind: 'primitive', type, detail };
  }

  #until(end: string): string {
    let text = '';
    while (this.#peek() !== end) text += this.#next();
    return text + this.#next();
  }

  #members(): Member[] {
    this.#expect('{');
    const members: Member[] = [];
    while (this.#peek() !== '}') {
      const name = this.#next();
      const type = this.#type();
      let suffix: Member['suffix'] = '';
      if (this.#peek() === 'OPTIONAL') {
        this.#next();
        suffix = ' OPTIONAL';
      } else if (this.#peek() === 'DEFAULT') {
        this.#next();
        suffix = ` DEFAULT ${this.#next()}`;
      }
      members.push({ name, type, suffix });
      if (this.#peek() === ',') this.#next();
    }
    this.#expect('}');
    return members;
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? 'END';
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error('the module ends too early');
    return token;
  }

  #expect(due: string): void {
    const token = this.#next();
    if (token !== due) throw new Error(`${token} where ${due} is due (token ${this.#at})`);
  }
}

/** The types of modules by name, each with what it is on the wire, told so that two tellings can be compared. */
export class Asn1Modules {
  readonly #types = new Map<string, ParsedType>();
  readonly #opaque: ReadonlySet<string>;

  constructor(texts: readonly string[], opaque: readonly string[]) {
    for (const text of texts) {
      for (const [name, type] of new Parser(text).assignments()) this.#types.set(name, type);
    }
    this.#opaque = new Set(opaque);
  }

  names(): string[] {
    return [...this.#types.keys()];
  }

  /** Tags in hex, then `{ member tags type, … }`; references by name, save to INTEGERs, whose names are told. */
  describe(name: string): string {
    const type = this.#get(name);
    return `${tagsText(this.#tags(type))} ${this.#bodyText(type, name)}`;
  }

  /** Whether it is an INTEGER whose numbers have names. */
  isInteger(name: string): boolean {
    const { body } = this.#get(name);
    return body.kind === 'primitive' && body.type === 'INTEGER' && body.detail !== '';
  }

  #get(name: string): ParsedType {
    const type = this.#types.get(name);
    if (type === undefined) throw new Error(`${name} is declared nowhere`);
    return type;
  }

  #bodyText({ body }: ParsedType, name = ''): string {
    if (this.#opaque.has(name)) return 'opaque';
    switch (body.kind) {
      case 'reference':
        if (this.#opaque.has(body.name)) return body.name;
        return this.isInteger(body.name) ? this.#bodyText(this.#get(body.name)) : body.name;
      case 'primitive':
        return body.type + body.detail;
      case 'SEQUENCE OF':
        return `SEQUENCE OF ${this.#memberText(body.of)}`;
      default:
        return `${body.kind} { ${numbered(body.members)
          .map(({ name, type, suffix }) => `${name} ${this.#memberText(type)}${suffix}`)
          .join(', ')} }`;
    }
  }

  #memberText(type: ParsedType): string {
    return `${tagsText(this.#tags(type))} ${this.#bodyText(type)}`;
  }

  /** Whether its encoding is constructed; a CHOICE with a tag is. */
  #constructed({ body, tag }: ParsedType): boolean {
    if (body.kind === 'primitive') return body.type === 'OPENTYPE';
    if (body.kind !== 'reference' || this.#opaque.has(body.name)) return true;
    const type = this.#types.get(body.name);
    return type === undefined ? tag === undefined : this.#constructed(type);
  }

  #tags(type: ParsedType): number[] {
    const { tag, body } = type;
    if (tag !== undefined) return [tagNumber(tag, this.#constructed(type))];
    switch (body.kind) {
      case 'primitive':
        return [universal[body.type] ?? 0];
      case 'SEQUENCE':
      case 'SEQUENCE OF':
        return [0x30];
      case 'CHOICE':
        return numbered(body.members).flatMap((arm) => this.#tags(arm.type));
      case 'reference':
        if (!this.#types.has(body.name) && this.#opaque.has(body.name)) return [0x30];
        return this.#tags(this.#get(body.name));
    }
  }
}

/** AUTOMATIC TAGS (X.680 25.3). */
function numbered(members: readonly Member[]): readonly Member[] {
  if (members.some(({ type }) => type.tag !== undefined)) return members;
  return members.map((member, i) => ({ ...member, type: { ...member.type, tag: [0x80, i] } }));
}

function tagNumber([classBits, number]: readonly [number, number], constructed: boolean): number {
  const first = classBits | (constructed ? 0x20 : 0);
  return number < 0x1f ? first | number : (first | 0x1f) * 256 + number;
}

export function tagsText(tags: readonly number[]): string {
  return [...tags]
    .sort((a, b) => a - b)
    .map((tag) => tag.toString(16).toUpperCase().padStart(2, '0'))
    .join('|');
}
