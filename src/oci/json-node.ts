import { OciError } from "./errors.ts";

/**
 * A value inside a parsed JSON document, with the path to it, so that each wrong shape is one clear error.
 * A member that is absent and one that is null read the same: Go writes empty maps and slices as null.
 */
export class JsonNode {
  readonly #value: unknown;
  readonly #what: string;
  readonly #path: string;

  /** `what` names the document in messages: `the manifest of "alpine"`. */
  constructor(value: unknown, what: string, path = "the document") {
    this.#value = value ?? undefined;
    this.#what = what;
    this.#path = path;
  }

  get present(): boolean {
    return this.#value !== undefined;
  }

  member(name: string): JsonNode {
    const path = this.#path === "the document" ? name : `${this.#path}.${name}`;
    const object = this.object();
    return new JsonNode(Object.hasOwn(object, name) ? object[name] : undefined, this.#what, path);
  }

  object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value !== "object" || this.#value === undefined || Array.isArray(this.#value)) {
      throw this.#wrong("an object");
    }
    return this.#value as Record<string, unknown>;
  }

  /** The elements; none when the list is absent. `limit` is checked before any is looked at. */
  items(limit: number): readonly JsonNode[] {
    if (this.#value === undefined) return [];
    if (!Array.isArray(this.#value)) throw this.#wrong("a list");
    if (this.#value.length > limit) throw this.#wrong(`a list of at most ${limit}`);
    return this.#value.map((item, i) => new JsonNode(item, this.#what, `${this.#path}[${i}]`));
  }

  string(): string {
    if (typeof this.#value !== "string") throw this.#wrong("a string");
    return this.#value;
  }

  optionalString(): string | undefined {
    return this.present ? this.string() : undefined;
  }

  /** A whole number from 0 to 2^53−1. */
  size(): number {
    if (!Number.isSafeInteger(this.#value) || (this.#value as number) < 0)
      throw this.#wrong("a whole number, 0 or more");
    return this.#value as number;
  }

  /** A map of strings; undefined when absent. */
  optionalStringMap(): Readonly<Record<string, string>> | undefined {
    if (!this.present) return undefined;
    for (const name of Object.keys(this.object())) this.member(name).optionalString();
    return this.#value as Record<string, string>;
  }

  #wrong(expected: string): OciError {
    return new OciError("DOCUMENT_SHAPE", {
      what: this.#what,
      where: this.#path,
      seen: describe(this.#value),
      expected,
    });
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  return JSON.stringify(value).slice(0, 80);
}

/** Parses a document of at most `limit` bytes. Throws `OciError` DOCUMENT_TOO_LARGE or DOCUMENT_NOT_JSON. */
export function parseJson(bytes: Uint8Array, what: string, limit: number): JsonNode {
  if (bytes.length > limit)
    throw new OciError("DOCUMENT_TOO_LARGE", { what, seen: bytes.length, limit, cut: bytes.length === limit + 1 });
  const text = new TextDecoder().decode(bytes);
  try {
    return new JsonNode(JSON.parse(text), what);
  } catch (cause) {
    const start = text.trimStart().slice(0, 40);
    throw new OciError("DOCUMENT_NOT_JSON", { what, seen: start, html: start.startsWith("<"), cause });
  }
}
