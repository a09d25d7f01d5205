import { parseJson } from "../bytes/parse-json.ts";
import { formatDigest, parseDigest, type SignedDigest } from "./digest.ts";

/** What a signature says of one object. */
export interface ObjectMetadata {
  /** ID minus the smallest ID of the group. */
  readonly relativeId: number;
  readonly descriptorDigest: SignedDigest;
  readonly objectDigest: SignedDigest;
}

/** The signed message: digests of the header and of the objects of one group. */
export interface ImageMetadata {
  readonly headerDigest: SignedDigest;
  /** By ascending ID. */
  readonly objects: readonly ObjectMetadata[];
}

const VERSION = 1;

/** The message as signed: compact JSON, keys in this order, no line end. */
export function encodeMetadata({ headerDigest, objects }: ImageMetadata): string {
  return JSON.stringify({
    version: VERSION,
    header: { digest: formatDigest(headerDigest) },
    objects: objects.map(({ relativeId, descriptorDigest, objectDigest }) => ({
      relativeId,
      descriptorDigest: formatDigest(descriptorDigest),
      objectDigest: formatDigest(objectDigest),
    })),
  });
}

/**
 * The inverse.
 * @throws TypeError whose message says what is wrong
 */
export function parseMetadata(text: string): ImageMetadata {
  const root = record(parseDocument(text), "it");
  if (root["version"] !== VERSION) throw new TypeError(`its version is ${JSON.stringify(root["version"])}, not 1`);
  const objects = root["objects"];
  if (!Array.isArray(objects)) throw new TypeError("it has no list of objects");
  return {
    headerDigest: digest(record(root["header"], "its header")["digest"]),
    objects: objects.map((value: unknown) => {
      const object = record(value, "an object");
      const relativeId = object["relativeId"];
      if (!Number.isInteger(relativeId) || (relativeId as number) < 0 || (relativeId as number) > 0xffffffff) {
        throw new TypeError(`an object's relative ID is ${JSON.stringify(relativeId)}`);
      }
      return {
        relativeId: relativeId as number,
        descriptorDigest: digest(object["descriptorDigest"]),
        objectDigest: digest(object["objectDigest"]),
      };
    }),
  };
}

function parseDocument(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new TypeError("it is no JSON", { cause });
  }
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function digest(value: unknown): SignedDigest {
  const parsed = typeof value === "string" ? parseDigest(value) : undefined;
  if (parsed === undefined) throw new TypeError(`a digest is ${JSON.stringify(value)}`);
  return parsed;
}
