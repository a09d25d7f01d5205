import type { ByteString } from "../bytes/byte-string.ts";

/** As many levels as Go's decoder takes. */
const MAX_DEPTH = 10_000;
const AT_END = "unexpected end of JSON input";

/** What Go's decoder calls values, by their first byte. */
export type GoJsonKind = "object" | "array" | "string" | "number" | "bool" | "null";

export interface GoJsonScan {
  /** What is wrong with the syntax, in the words of Go's encoding/json; undefined where nothing is. */
  readonly problem: string | undefined;
  /** Of the whole, and of an object's members in their order, those with one name, too. */
  readonly kind: GoJsonKind | undefined;
  readonly memberKinds: readonly GoJsonKind[];
}

/** Goes through a JSON text as Go does before it decodes one (RFC 8259, but any bytes in strings). */
export function scanGoJson(text: ByteString): GoJsonScan {
  const scanner = new Scanner(text);
  const problem = scanner.scan();
  const [kind, ...memberKinds] = scanner.kinds;
  return { problem, kind, memberKinds };
}

/** What is wrong with the syntax in the words of Go's decoder of streams, which has its own for one that ends too early. */
export function goStreamProblem(text: ByteString): string | undefined {
  const { problem } = scanGoJson(text);
  if (problem !== AT_END) return problem;
  return /^[ \t\r\n]*$/.test(text) ? "EOF" : "unexpected EOF";
}

class Scanner {
  readonly #text: ByteString;
  readonly kinds: GoJsonKind[] = [];
  readonly #open: ("{" | "[")[] = [];
  #at = 0;

  constructor(text: ByteString) {
    this.#text = text;
  }

  /** Gives what is wrong, as all below do; they stand behind what they have read. */
  scan(): string | undefined {
    for (;;) {
      const depth = this.#open.length;
      const wrong = this.#value(this.#peek());
      if (wrong !== undefined) return wrong;
      // The first of what is in it comes next.
      if (this.#open.length > depth) continue;
      const next = this.#afterValue();
      if (next !== "value") return next;
    }
  }

  #value(first: string): string | undefined {
    const kind = kindOf(first);
    if (kind === undefined) return this.#invalid("looking for beginning of value");
    if (this.#open.length === 0 || (this.#open.length === 1 && this.#open[0] === "{")) this.kinds.push(kind);
    switch (kind) {
      case "object":
      case "array":
        return this.#enter(first as "{" | "[");
      case "string":
        return this.#string();
      case "number":
        return this.#number();
      case "bool":
        return this.#literal(first === "t" ? "true" : "false");
      case "null":
        return this.#literal("null");
    }
  }

  #enter(bracket: "{" | "["): string | undefined {
    this.#at++;
    if (this.#peek() === CLOSING[bracket]) {
      this.#at++;
      return undefined;
    }
    if (this.#open.length >= MAX_DEPTH) return "exceeded max depth";
    this.#open.push(bracket);
    return bracket === "{" ? this.#key() : undefined;
  }

  /** Closes what ends here; "value" where another one comes, undefined at the end of all. */
  #afterValue(): string | undefined {
    for (;;) {
      const char = this.#peek();
      const bracket = this.#open[this.#open.length - 1];
      if (bracket === undefined) return char === "" ? undefined : this.#invalid("after top-level value");
      if (char === ",") {
        this.#at++;
        return (bracket === "{" ? this.#key() : undefined) ?? "value";
      }
      if (char !== CLOSING[bracket]) {
        return this.#invalid(bracket === "{" ? "after object key:value pair" : "after array element");
      }
      this.#at++;
      this.#open.pop();
    }
  }

  #key(): string | undefined {
    if (this.#peek() !== '"') return this.#invalid("looking for beginning of object key string");
    const wrong = this.#string();
    if (wrong !== undefined) return wrong;
    if (this.#peek() !== ":") return this.#invalid("after object key");
    this.#at++;
    return undefined;
  }

  #string(): string | undefined {
    for (this.#at++; ; this.#at++) {
      const char = this.#char();
      if (char === "") return AT_END;
      if (char < " ") return this.#unfit("in string literal");
      if (char === '"') break;
      if (char !== "\\") continue;
      this.#at++;
      if (this.#char() === "u") {
        for (let i = 0; i < 4; i++) {
          this.#at++;
          if (!/^[0-9a-fA-F]$/.test(this.#char())) return this.#unfit("in \\u hexadecimal character escape");
        }
      } else if (!/^[bfnrt\\/"]$/.test(this.#char())) return this.#unfit("in string escape code");
    }
    this.#at++;
    return undefined;
  }

  #number(): string | undefined {
    if (this.#char() === "-") this.#at++;
    if (this.#char() === "0") this.#at++;
    else if (!this.#digits()) return this.#unfit("in numeric literal");
    if (this.#char() === ".") {
      this.#at++;
      if (!this.#digits()) return this.#unfit("after decimal point in numeric literal");
    }
    if (/^[eE]$/.test(this.#char())) {
      this.#at++;
      if (/^[+-]$/.test(this.#char())) this.#at++;
      if (!this.#digits()) return this.#unfit("in exponent of numeric literal");
    }
    return undefined;
  }

  #digits(): boolean {
    const start = this.#at;
    while (/^[0-9]$/.test(this.#char())) this.#at++;
    return this.#at > start;
  }

  #literal(word: string): string | undefined {
    for (const char of word) {
      if (this.#char() !== char) return this.#unfit(`in literal ${word} (expecting ${quoteByte(char)})`);
      this.#at++;
    }
    return undefined;
  }

  /** The byte here, "" at the end. */
  #char(): string {
    return this.#text.charAt(this.#at);
  }

  /** The same, behind white space. */
  #peek(): string {
    while (/^[ \t\r\n]$/.test(this.#char())) this.#at++;
    return this.#char();
  }

  #invalid(where: string): string {
    return this.#char() === "" ? AT_END : this.#unfit(where);
  }

  /** Where a space would not do either: Go's scanner ends a text with one. */
  #unfit(where: string): string {
    return `invalid character ${quoteByte(this.#char() || " ")} ${where}`;
  }
}

const CLOSING = { "{": "}", "[": "]" } as const;

function kindOf(first: string): GoJsonKind | undefined {
  if (first === "{") return "object";
  if (first === "[") return "array";
  if (first === '"') return "string";
  if (first === "n") return "null";
  if (first === "t" || first === "f") return "bool";
  return /^[-0-9]$/.test(first) ? "number" : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "'": "\\'",
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** A byte as Go's messages show it, which take it for a character of its number. */
function quoteByte(char: string): string {
  const hex = char.charCodeAt(0).toString(16);
  const plain = /^[ -~\xa1-\xac\xae-\xff]$/.test(char);
  return `'${ESCAPES[char] ?? (plain ? char : char < "\x80" ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`)}'`;
}
