import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "openpgp";
import type { TestContext } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DESCRIPTOR, DESCRIPTORS_OFFSET } from "../../src/sif/layout.ts";
import { type PgpKey, readPgpKey } from "../../src/sign/openpgp/key.ts";
import { signImage } from "../../src/sign/sign-image.ts";
import type { ImageSigner } from "../../src/sign/signer.ts";
import { type SignatureResult, type VerifyOptions, verifyImage } from "../../src/sign/verify-image.ts";
import { minimalSif } from "../sif/minimal-sif.ts";

export const TIME_SEC = 1_700_000_000;

/** A golden file of fixtures/golden/sign. */
export function golden(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/golden/sign/${name}`, import.meta.url));
}

/** The Ed25519 key whose seed is the bytes 00 to 1f. */
export const ED25519_PEM: string =
  "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n";
export const ED25519: KeyObject = createPrivateKey(ED25519_PEM);
export const ED25519_PUBLIC: KeyObject = createPublicKey(ED25519);

/** An elliptic-curve key: made in no time. */
export async function makeKey(email: string, passphrase = ""): Promise<PgpKey> {
  const { privateKey } = await generateKey({
    type: "ecc",
    userIDs: [{ name: "Test", email }],
    ...(passphrase === "" ? {} : { passphrase }),
    format: "object",
  });
  return readPgpKey(privateKey.write());
}

/** A folder of the test's own. */
export async function testFolder({ onTestFinished }: Pick<TestContext, "onTestFinished">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-sign-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The minimal SIF, signed; its bytes. */
export async function signedSif(signers: readonly ImageSigner[]): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-sign-"));
  try {
    const path = join(folder, "x.sif");
    await writeFile(path, await minimalSif());
    for (const signer of signers) await signImage(path, { signer, timeSec: TIME_SEC });
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where the descriptor of an object with this ID begins in files that were written in one go. */
export function descriptorAt(id: number): number {
  return DESCRIPTORS_OFFSET + (id - 1) * DESCRIPTOR.size;
}

/** A copy with some bytes replaced. */
export function patched(
  bytes: Uint8Array,
  ...edits: readonly (readonly [offset: number, content: Uint8Array])[]
): Buffer {
  const copy = Buffer.from(bytes);
  for (const [offset, content] of edits) copy.set(content, offset);
  return copy;
}

/** What a verification told: IDs verified per signature, and the error that ended it. */
export interface Verdict {
  readonly results: readonly SignatureResult[];
  readonly error: unknown;
}

export async function verdictOf(bytes: Uint8Array, options: VerifyOptions): Promise<Verdict> {
  const results: SignatureResult[] = [];
  const error = await verifyImage(bytesAccess(bytes), { ...options, onSignature: (one) => results.push(one) }).catch(
    (cause: unknown) => cause,
  );
  return { results, error };
}
