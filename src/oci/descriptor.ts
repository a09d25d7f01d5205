import { type Digest, parseDigest } from "./digest.ts";
import type { JsonNode } from "./json-node.ts";

/** What a manifest says of a blob (OCI image spec 1.1, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of the blob as stored, compressed or not. */
  readonly size: number;
  /** Other places of a foreign layer's bytes. */
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** More places than any registry lists; a bound against absurd input. */
const MAX_URLS = 64;

/** Reads a descriptor out of the document that `what` names. */
export function parseDescriptor(node: JsonNode, what: string): Descriptor {
  const urls = node.member("urls").items(MAX_URLS);
  const annotations = node.member("annotations").optionalStringMap();
  return {
    mediaType: node.member("mediaType").string(),
    digest: parseDigest(node.member("digest").string(), what),
    size: node.member("size").size(),
    ...(urls.length > 0 ? { urls: urls.map((url) => url.string()) } : {}),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
