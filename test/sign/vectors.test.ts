import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType, HashType } from "../../src/sif/data-type.ts";
import { addObject } from "../../src/sif/edit.ts";
import { readSif } from "../../src/sif/reader.ts";
import { pemSigner } from "../../src/sign/dsse/dsse.ts";
import { readPgpKeys } from "../../src/sign/openpgp/key.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { ED25519, ED25519_PUBLIC, golden, signedSif, TIME_SEC, testFolder, verdictOf } from "./signed-file.ts";

it("signImage() with an Ed25519 key gives Apptainer's signature object, byte for byte", async () => {
  const bytes = await signedSif([pemSigner(ED25519)]);
  const { objects } = await readSif(bytesAccess(bytes));
  expect(objects[3]).toMatchObject({
    dataType: DataType.signature,
    id: 4,
    group: 0,
    link: { kind: "group", group: 1 },
    offset: 36_864,
    size: 1202,
    createdSec: TIME_SEC,
    extra: { kind: "signature", hashType: HashType.sha256, entity: new Uint8Array() },
  });
  expect(bytes.subarray(36_864).equals(golden("ed25519.dsse.json"))).toBe(true);
  expect(
    bytes
      .subarray(0, 36_864)
      .subarray(32_176)
      .equals((await minimalSif()).subarray(32_176)),
  ).toBe(true);
});

it("signImage() at the same time gives the same file", async () => {
  const [first, second] = [await signedSif([pemSigner(ED25519)]), await signedSif([pemSigner(ED25519)])];
  expect(first.equals(second as Buffer)).toBe(true);
});

it("verifyImage() accepts Apptainer's Ed25519 signature", async () => {
  const bytes = await signedSif([{ entity: new Uint8Array(), sign: async () => golden("ed25519.dsse.json") }]);
  const { results, error } = await verdictOf(bytes, { publicKey: ED25519_PUBLIC });
  expect(error).toBeUndefined();
  expect(results.map(({ verified }) => verified.map(({ id }) => id))).toEqual([[1, 2, 3]]);
});

it("verifyImage() accepts Apptainer's OpenPGP signature", async (context) => {
  const path = join(await testFolder(context), "x.sif");
  await writeFile(path, await minimalSif());
  const pgpKeys = await readPgpKeys(golden("signer.asc"));
  const [key] = pgpKeys;
  expect(key).toMatchObject({
    fingerprint: "C5CB3A20688F10520E8FFE0AC743901E8DE9EA8C",
    userIds: ["Ref Tester (demo) <ref@example.org>"],
    bitLength: 2048,
    isSecret: false,
  });
  const entity = Buffer.from(key?.fingerprint ?? "", "hex");
  await addObject(
    path,
    {
      dataType: DataType.signature,
      link: { kind: "group", group: 1 },
      extra: { kind: "signature", hashType: HashType.sha256, entity },
    },
    golden("openpgp.sig.asc"),
    { timeSec: TIME_SEC },
  );
  const bytes = await readFile(path);
  // The key is from November 2026, whatever the clock says.
  const { results, error } = await verdictOf(bytes, { pgpKeys, now: new Date("2027-01-01T00:00:00Z") });
  expect(error).toBeUndefined();
  expect(results[0]?.signer?.fingerprint).toBe(key?.fingerprint);
  expect(results[0]?.verified).toHaveLength(3);
});
