import { createHash } from "node:crypto";
import { SifError } from "./errors.ts";

/** Latest second that squashfs can store; image times beyond it are clamped. */
const MAX_TIME_SEC = 0xffffffff;

/**
 * UUID of an image's SIF: the first 16 bytes of the SHA-256 of `sifon image ` and the digest of its config, with
 * the version (4) and variant bits of RFC 4122 set. The config names the layers' contents and, unlike the manifest,
 * comes through every store and archive unchanged: the same image gets the same UUID from everywhere.
 */
export function deriveUuid(configDigest: string): Uint8Array {
  const uuid = new Uint8Array(createHash("sha256").update(`sifon image ${configDigest}`).digest().subarray(0, 16));
  uuid[6] = (uuid[6]! & 0x0f) | 0x40; // RFC 4122 §4.1.3: version 4 in the high nibble
  uuid[8] = (uuid[8]! & 0x3f) | 0x80; // RFC 4122 §4.1.1: variant 10
  return uuid;
}

/** `00112233-4455-6677-8899-aabbccddeeff` */
export function formatUuid(uuid: Uint8Array): string {
  return Buffer.from(uuid)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * The one time that an image's SIF carries in header, descriptors, labels and added files: SOURCE_DATE_EPOCH
 * where set, else the config's `created`, else 0. Clamped to 0…2^32−1, since some builders write year 1.
 * @param created RFC 3339 as in the image config
 * @param sourceDateEpoch value of the environment variable; empty counts as unset
 * @throws SifError TIME_INVALID
 */
export function imageTimeSec(created: string | undefined, sourceDateEpoch: string | undefined): number {
  if (sourceDateEpoch !== undefined && sourceDateEpoch !== "") {
    if (!/^\d{1,15}$/.test(sourceDateEpoch)) {
      throw new SifError("TIME_INVALID", {
        what: "SOURCE_DATE_EPOCH",
        seen: sourceDateEpoch,
        expected: "a number of seconds since 1970",
      });
    }
    return Math.min(Number(sourceDateEpoch), MAX_TIME_SEC);
  }
  if (created === undefined || created === "") return 0;
  const ms = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d/.test(created)
    ? Date.parse(created.replace(/(\.\d{3})\d+/, "$1"))
    : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new SifError("TIME_INVALID", {
      what: 'The image config\'s "created"',
      seen: created,
      expected: "an RFC 3339 time",
    });
  }
  return Math.min(Math.max(Math.floor(ms / 1000), 0), MAX_TIME_SEC);
}
