import { withFileAccess } from "../bytes/random-access.ts";
import { DataType, HashType } from "../sif/data-type.ts";
import { type Addition, addObjects } from "../sif/edit.ts";
import type { SifObject } from "../sif/image.ts";
import { digestOf } from "./digest.ts";
import { IntegrityError } from "./errors.ts";
import { encodeMetadata } from "./image-metadata.ts";
import { ObjectDigests } from "./object-digests.ts";
import { chooseTargets, type ObjectChoice, SignedImage } from "./signed-image.ts";
import type { ImageSigner } from "./signer.ts";

/** What `signImage` needs beside the file. */
export interface SignOptions extends ObjectChoice {
  readonly signer: ImageSigner;
  /** Created and modified time of the new object, Unix seconds; files of the deterministic mode keep theirs. */
  readonly timeSec: number;
  readonly signal?: AbortSignal;
}

/**
 * Adds a signature per chosen group (all groups where nothing is chosen) and per chosen object, and returns the
 * IDs of the new objects. What is signed is read first: a file that changes meanwhile gets a signature that fails.
 * @throws IntegrityError GROUP_ID_INVALID, GROUP_NOT_FOUND, OBJECT_ID_INVALID, OBJECT_NOT_FOUND, GROUPS_MISSING
 * @throws SifError what `readSif` and `addObjects` throw, OBJECT_OUTSIDE_FILE
 */
export async function signImage(path: string, options: SignOptions): Promise<readonly number[]> {
  const messages = await withFileAccess(path, async (access) => {
    const signed = await SignedImage.read(access);
    const digests = new ObjectDigests(signed, new Set(), options.signal);
    const described: { readonly group: number; readonly message: string }[] = [];
    for (const { group, objects } of chooseTargets(signed, options)) {
      if (group === 0) throw new IntegrityError("GROUP_ID_INVALID");
      described.push({ group, message: await describe(signed, objects, digests) });
    }
    return described;
  });
  // All are made before one is written: a passphrase or a key that fails leaves the file as it was.
  const additions: Addition[] = [];
  for (const { group, message } of messages) {
    const extra = { kind: "signature", hashType: HashType.sha256, entity: options.signer.entity } as const;
    const object = { dataType: DataType.signature, group: 0, link: { kind: "group", group }, extra } as const;
    additions.push({ object, content: await options.signer.sign(message) });
  }
  return addObjects(path, additions, options);
}

async function describe(signed: SignedImage, objects: readonly SifObject[], digests: ObjectDigests): Promise<string> {
  const described = [];
  for (const object of objects) {
    described.push({
      relativeId: object.id - signed.smallestId(object.group),
      descriptorDigest: digestOf("sha256", signed.coveredDescriptor(object)),
      objectDigest: await digests.digest(object, "sha256"),
    });
  }
  return encodeMetadata({ headerDigest: digestOf("sha256", signed.coveredHeader), objects: described });
}
