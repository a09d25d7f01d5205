import type { Digest } from "./digest.ts";

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
