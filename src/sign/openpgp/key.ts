import type { Key } from "openpgp";
import { KeyError } from "../errors.ts";
import { armor } from "./clear-text.ts";
import { loadOpenPgp } from "./library.ts";
import { lockedPackets, parseKey } from "./parse-key.ts";
import { PacketError, splitKeys } from "./split-keys.ts";

/** An OpenPGP key as keyrings hold it. */
export interface PgpKey {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  /** Of the primary key and the subkeys, upper-case hex. */
  readonly keyIds: readonly string[];
  /** The primary one first: `Name (comment) <mail>`. */
  readonly userIds: readonly string[];
  readonly created: Date;
  /** As Go counts: the length of the public number or point as stored. */
  readonly bitLength: number;
  readonly isSecret: boolean;
  /** True for secret keys that need a passphrase. */
  readonly isEncrypted: boolean;
  /** The key's packets. */
  readonly bytes: Uint8Array;
}

/**
 * Reads one key from its packets.
 * @throws KeyError KEY_INVALID for what is no key, or one that is not understood
 */
export async function readPgpKey(bytes: Uint8Array): Promise<PgpKey> {
  const key = await parseKey(bytes);
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    keyIds: key.getKeys().map((one) => one.getKeyID().toHex().toUpperCase()),
    userIds: await userIdsOf(key),
    created: key.getCreationTime(),
    bitLength: bitLengthOf(key),
    isSecret: key.isPrivate(),
    isEncrypted: key.isPrivate() && lockedPackets(key).length > 0,
    bytes,
  };
}

/**
 * The keys of a file: binary or armored, several in a row or just one; none where it is empty.
 * @throws KeyError KEY_INVALID
 */
export async function readPgpKeys(content: Uint8Array): Promise<readonly PgpKey[]> {
  let parts: readonly Uint8Array[];
  if (content.length === 0) return [];
  try {
    parts = splitKeys((content[0] ?? 0) >= 0x80 ? content : await dearmor(content));
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    const where = cause instanceof PacketError ? `, at byte ${cause.offset}` : "";
    throw new KeyError("KEY_INVALID", { reason: `${(cause as Error).message}${where}`, cause });
  }
  const keys: PgpKey[] = [];
  for (const part of parts) keys.push(await readPgpKey(part));
  return keys;
}

/** Keys with all their signatures have less; keyrings are binary. */
const MAX_ARMORED = 4 * 1024 * 1024;
/** The lines in front of the data: Version, Comment and the like. */
const MAX_ARMOR_HEADERS = 64 * 1024;

async function dearmor(content: Uint8Array): Promise<Uint8Array> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const start = bytes.indexOf("-----BEGIN PGP");
  if (start < 0) throw new KeyError("KEY_INVALID", { reason: "no armored data found" });
  const tooLong = (what: string, limit: number) =>
    new KeyError("KEY_INVALID", { reason: `${what} from byte ${start} on have more than ${limit} bytes` });
  if (bytes.length - start > MAX_ARMORED) throw tooLong("armored keys", MAX_ARMORED);
  const text = bytes.toString("latin1", start);
  const headers = text.search(/\n[ \t\r]*\n/);
  if (headers > MAX_ARMOR_HEADERS || (headers < 0 && text.length > MAX_ARMOR_HEADERS)) {
    throw tooLong("armor headers", MAX_ARMOR_HEADERS);
  }
  const { unarmor } = await loadOpenPgp();
  try {
    const { data } = await unarmor(text);
    return data instanceof Uint8Array ? data : new Uint8Array();
  } catch (cause) {
    throw new KeyError("KEY_INVALID", { reason: "no armored data found", cause });
  }
}

async function userIdsOf(key: Key): Promise<readonly string[]> {
  const all = key.getUserIDs();
  if (all.length < 2) return all;
  const primary = await key.getPrimaryUser().then(
    ({ user }) => user.userID?.userID,
    () => undefined,
  );
  return primary === undefined ? all : [primary, ...all.filter((one) => one !== primary)];
}

/**
 * Bits of an elliptic-curve point as stored: 04 and two coordinates (SEC 1 §2.3.3), or 40 and one (RFC 9580 §11.2.2);
 * the native forms of RFC 9580 §5.5.5.9 have no prefix.
 */
const CURVE_BITS: Readonly<Record<string, number>> = {
  nistP256: 515,
  nistP384: 771,
  nistP521: 1059,
  secp256k1: 515,
  brainpoolP256r1: 515,
  brainpoolP384r1: 771,
  brainpoolP512r1: 1027,
  ed25519Legacy: 263,
};

function bitLengthOf(key: Key): number {
  const { algorithm, bits, curve } = key.getAlgorithmInfo();
  if (bits !== undefined) return bits;
  if (curve !== undefined) return CURVE_BITS[curve] ?? 0;
  return algorithm === "ed448" ? 456 : algorithm === "ed25519" ? 256 : 0;
}

/** A user ID's parts, as `Name (comment) <mail>` has them; all may be empty. */
export interface UserIdParts {
  readonly name: string;
  readonly comment: string;
  readonly email: string;
}

/** Splits an OpenPGP user ID, `Name (comment) <mail>`; a part that is missing is "". */
export function parseUserId(userId: string): UserIdParts {
  const found = /^([^(<]*)(?:\(([^)]*)\))?[^<]*(?:<([^>]*)>)?/.exec(userId);
  return { name: (found?.[1] ?? "").trim(), comment: (found?.[2] ?? "").trim(), email: (found?.[3] ?? "").trim() };
}

/** The key as text, without a line end after the last line. */
export function armorKey({ bytes, isSecret }: PgpKey): string {
  return armor(isSecret ? "PRIVATE KEY BLOCK" : "PUBLIC KEY BLOCK", bytes);
}
