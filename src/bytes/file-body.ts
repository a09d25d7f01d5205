import type { ByteString } from "./byte-string.ts";

/** A run of zeros that a sparse file does not store. */
export interface Hole {
  readonly zeros: number;
}

/** A piece of a file: borrowed bytes (copy before keeping, valid until the next piece is asked for), or a hole. */
export type BodyPart = Uint8Array | Hole;

/** An extended attribute of a file. */
export interface Xattr {
  /** With its namespace: `security.capability`. */
  readonly name: ByteString;
  readonly value: Uint8Array;
}
