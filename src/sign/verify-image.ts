import type { KeyObject } from "node:crypto";
import type { RandomAccess } from "../bytes/random-access.ts";
import { findPrimaryPartition, type SifObject } from "../sif/image.ts";
import type { HashAlgorithm } from "./digest.ts";
import { digestOf, sameDigest } from "./digest.ts";
import { openEnvelope } from "./dsse/dsse.ts";
import { decodeBase64 } from "./dsse/envelope.ts";
import { IntegrityError, unreadableObject } from "./errors.ts";
import { type ImageMetadata, parseMetadata } from "./image-metadata.ts";
import { verifyLegacyDigest } from "./legacy.ts";
import { ObjectDigests } from "./object-digests.ts";
import type { PgpKey } from "./openpgp/key.ts";
import { verifyClearText } from "./openpgp/verify-text.ts";
import { chooseTargets, isSignature, type ObjectChoice, SignedImage, type Target } from "./signed-image.ts";
import { checkHashType, isLegacy, readSignature, type StoredSignature } from "./stored-signature.ts";

/** What became of one signature. */
export interface SignatureResult<K extends PgpKey = PgpKey> {
  /** The signature's own object. */
  readonly signature: SifObject;
  /** The OpenPGP key that made it; undefined for PEM keys and where no known key did. */
  readonly signer: K | undefined;
  /** Objects whose descriptors and contents are as signed, up to the first that is not. */
  readonly verified: readonly SifObject[];
  readonly error?: IntegrityError;
}

/** What `verifyImage` needs beside the file. */
export interface VerifyOptions<K extends PgpKey = PgpKey> extends ObjectChoice {
  /** Keys that are trusted for OpenPGP signatures; without them one is an error. */
  readonly pgpKeys?: readonly K[];
  /** The key that is trusted for PEM signatures; without it one is an error. */
  readonly publicKey?: KeyObject;
  /**
   * Verify signatures of the form before Singularity 3.6, which cover neither header nor descriptors: of the primary
   * partition unless something is chosen, or of `all` objects.
   */
  readonly legacy?: "primary" | "all";
  /** By when signatures have to be made; the clock's time unless given. */
  readonly now?: Date;
  readonly signal?: AbortSignal;
  /** Told of each signature in turn, good or bad. */
  readonly onSignature?: (result: SignatureResult<K>) => void;
}

/**
 * Verifies all signatures of the chosen groups and objects (of every group where nothing is chosen); each object's
 * content is read once. Resolves when every one of them holds, and ends at the first that does not.
 * @throws IntegrityError whatever is wrong
 * @throws SifError what `readSif` throws
 */
export async function verifyImage<K extends PgpKey>(access: RandomAccess, options: VerifyOptions<K>): Promise<void> {
  const signed = await SignedImage.read(access);
  const targets = options.legacy === undefined ? chooseTargets(signed, options) : legacyTargets(signed, options);
  const stray = signed.image.objects.find((object) => object.group === 0 && !isSignature(object));
  if (stray !== undefined) throw new IntegrityError("OBJECT_UNGROUPED", { id: stray.id });
  const digests = new ObjectDigests(signed, await algorithmsOf(signed), options.signal);
  for (const target of targets) {
    for (const signature of await signaturesOf(signed, target, options.legacy !== undefined)) {
      options.signal?.throwIfAborted();
      await verifySignature({ signed, target, digests, options }, signature);
    }
  }
}

interface Verification<K extends PgpKey> {
  readonly signed: SignedImage;
  readonly target: Target;
  readonly digests: ObjectDigests;
  readonly options: VerifyOptions<K>;
}

async function verifySignature<K extends PgpKey>(run: Verification<K>, signature: StoredSignature): Promise<void> {
  const { signed, target, digests, options } = run;
  if (signature.kind === "dsse" && options.publicKey === undefined) {
    throw new IntegrityError("KEY_MATERIAL_MISSING", { what: "DSSE envelope" });
  }
  if (signature.kind === "clear" && options.pgpKeys === undefined) {
    throw new IntegrityError("KEY_MATERIAL_MISSING", { what: "PGP clear-sign" });
  }
  const verified: SifObject[] = [];
  let signer: K | undefined;
  let error: IntegrityError | undefined;
  try {
    const hashType = checkHashType(signature.object);
    const message = await openSignature(signature, options, (key) => {
      signer = key;
    });
    if (signer !== undefined) checkEntity(signature.object, signer);
    if (options.legacy !== undefined) {
      await verifyLegacyDigest(signed, { ...target, text: message, algorithm: hashType });
      verified.push(...target.objects);
    } else {
      const metadata = parseMessage(message, signature.object);
      checkObjectSet(signed, target, metadata);
      await checkDigests({ signed, target, digests, metadata, verified });
    }
  } catch (cause) {
    if (!(cause instanceof IntegrityError)) throw cause;
    error = cause;
  }
  options.onSignature?.({
    signature: signature.object,
    signer,
    verified,
    ...(error === undefined ? {} : { error }),
  });
  if (error !== undefined) throw error;
}

/** The signed message, once its signature holds. `onKey` hears of an OpenPGP key that holds. */
async function openSignature<K extends PgpKey>(
  signature: StoredSignature,
  { pgpKeys = [], publicKey, now = new Date() }: VerifyOptions<K>,
  onKey: (key: K) => void,
): Promise<string> {
  const { id } = signature.object;
  if (signature.kind === "dsse") {
    const opened = openEnvelope(signature.envelope, publicKey as KeyObject);
    if (!opened.valid) throw new IntegrityError("SIGNATURE_INVALID", { id, reason: opened.reason });
    return Buffer.from(opened.message).toString("utf8");
  }
  const result = await verifyClearText(signature.text, pgpKeys, now);
  if (result.key !== undefined) onKey(result.key);
  if (!result.valid) throw new IntegrityError("SIGNATURE_INVALID", { id, reason: result.reason });
  return signature.text.text;
}

function checkEntity({ extra }: SifObject, signer: PgpKey): void {
  const entity = extra.kind === "signature" ? Buffer.from(extra.entity).toString("hex").toUpperCase() : "";
  // A key whose fingerprint is longer than the field is known by its beginning.
  if (entity !== signer.fingerprint.slice(0, 40)) {
    throw new IntegrityError("FINGERPRINT_MISMATCH", { seen: entity, expected: signer.fingerprint });
  }
}

function parseMessage(message: string, { id }: SifObject): ImageMetadata {
  try {
    return parseMetadata(message);
  } catch (cause) {
    throw new IntegrityError("METADATA_INVALID", { id, reason: (cause as Error).message, cause });
  }
}

/** A group as a whole must hold what was signed, no less and no more. */
function checkObjectSet(signed: SignedImage, { group, objects, isSubset }: Target, metadata: ImageMetadata): void {
  if (isSubset) return;
  const smallest = signed.smallestId(group);
  const signedIds = new Set(metadata.objects.map(({ relativeId }) => smallest + relativeId));
  const presentIds = new Set(objects.map(({ id }) => id));
  const added = objects.find(({ id }) => !signedIds.has(id));
  if (added !== undefined) throw new IntegrityError("OBJECT_NOT_SIGNED", { id: added.id });
  for (const id of signedIds) {
    if (!presentIds.has(id)) throw new IntegrityError("SIGNED_OBJECT_NOT_FOUND", { id });
  }
}

async function checkDigests(run: {
  readonly signed: SignedImage;
  readonly target: Target;
  readonly digests: ObjectDigests;
  readonly metadata: ImageMetadata;
  /** Gets the objects that hold. */
  readonly verified: SifObject[];
}): Promise<void> {
  const { signed, target, digests, metadata, verified } = run;
  const { headerDigest } = metadata;
  if (!sameDigest(digestOf(headerDigest.algorithm, signed.coveredHeader), headerDigest)) {
    throw new IntegrityError("HEADER_COMPROMISED");
  }
  const smallest = signed.smallestId(target.group);
  const described = new Map(metadata.objects.map((one) => [smallest + one.relativeId, one]));
  for (const object of target.objects) {
    const { id } = object;
    const wanted = described.get(id);
    if (wanted === undefined) throw new IntegrityError("OBJECT_NOT_SIGNED", { id });
    const { descriptorDigest, objectDigest } = wanted;
    if (!sameDigest(digestOf(descriptorDigest.algorithm, signed.coveredDescriptor(object)), descriptorDigest)) {
      throw new IntegrityError("DESCRIPTOR_COMPROMISED", { id });
    }
    if (!sameDigest(await contentDigest(digests, object, objectDigest.algorithm), objectDigest)) {
      throw new IntegrityError("OBJECT_COMPROMISED", { id, dataType: object.dataType });
    }
    verified.push(object);
  }
}

async function contentDigest(digests: ObjectDigests, object: SifObject, algorithm: HashAlgorithm) {
  try {
    return await digests.digest(object, algorithm);
  } catch (cause) {
    throw unreadableObject(cause, { id: object.id, dataType: object.dataType });
  }
}

/** @throws IntegrityError GROUP_ID_INVALID, SIGNATURE_NOT_FOUND, SIGNATURE_FORMAT_UNKNOWN */
async function signaturesOf(signed: SignedImage, target: Target, legacy: boolean): Promise<readonly StoredSignature[]> {
  const { group, objects, isSubset } = target;
  if (group === 0) throw new IntegrityError("GROUP_ID_INVALID");
  const ofObject = legacy && isSubset ? objects[0]?.id : undefined;
  const linked = signed.signatures.filter(({ link }) =>
    ofObject === undefined
      ? link.kind === "group" && link.group === group
      : link.kind === "object" && link.id === ofObject,
  );
  const found: StoredSignature[] = [];
  for (const object of linked) {
    const signature = await readSignature(signed, object);
    if (isLegacy(signature) === legacy) found.push(signature);
  }
  if (found.length > 0) return found;
  throw new IntegrityError(
    "SIGNATURE_NOT_FOUND",
    ofObject === undefined ? { what: "object group", id: group } : { what: "object", id: ofObject },
  );
}

function legacyTargets(signed: SignedImage, choice: ObjectChoice & Pick<VerifyOptions, "legacy">): readonly Target[] {
  const { groups = [], objects = [] } = choice;
  if (choice.legacy === "all") {
    const grouped = signed.groups().flatMap((group) => signed.group(group));
    return chooseTargets(signed, { objects: grouped.filter((one) => !isSignature(one)).map(({ id }) => id) });
  }
  if (groups.length > 0 || objects.length > 0) return chooseTargets(signed, choice);
  const primary = findPrimaryPartition(signed.image);
  if (primary === undefined) throw new IntegrityError("OBJECT_NOT_FOUND");
  return chooseTargets(signed, { objects: [primary.id] });
}

/** All algorithms that any signature asks for, so that one pass over an object computes them all. */
async function algorithmsOf(signed: SignedImage): Promise<ReadonlySet<HashAlgorithm>> {
  const algorithms = new Set<HashAlgorithm>();
  for (const object of signed.signatures) {
    try {
      const signature = await readSignature(signed, object);
      const message =
        signature.kind === "clear"
          ? signature.text.text
          : (decodeBase64(signature.envelope.payload) ?? Buffer.alloc(0)).toString("utf8");
      for (const { objectDigest } of parseMetadata(message).objects) algorithms.add(objectDigest.algorithm);
    } catch {
      // It is read again when its turn comes, and its fault told then; a legacy one has no such message.
    }
  }
  return algorithms;
}
