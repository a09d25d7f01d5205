import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataType } from "../../src/sif/data-type.ts";
import { addObject } from "../../src/sif/edit.ts";
import { DESCRIPTOR } from "../../src/sif/layout.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { descriptorAt, patched, TIME_SEC } from "../sign/signed-file.ts";
import { findApptainer } from "../support/apptainer.ts";
import { mustSifon } from "../support/sifon.ts";
import { besideApptainer } from "./beside-apptainer.ts";

const apptainer = findApptainer();
const folder = apptainer === undefined ? "" : mkdtempSync(join(tmpdir(), "sifon-tampering-oracle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { at, env, expectSame, ours, theirs } = besideApptainer(apptainer ?? "", folder);

/** Each with the image that it signed, and the options that its signature is verified with. */
const PEM_KEYS = {
  "ECDSA P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  Ed25519: generateKeyPairSync("ed25519"),
};
const SIGNERS = ["OpenPGP", ...Object.keys(PEM_KEYS)] as const;

/** Where the signature's content begins in the signed minimal image. */
const SIGNATURE = 36_864;
const { offsets } = DESCRIPTOR;
const X = Buffer.from("X");

type Edit = readonly [offset: number, content: Uint8Array];
/** Which signers' signatures still hold after it. */
type StillValid = "none" | "all" | "PEM";
type Tampering = readonly [what: string, edits: (size: number) => readonly Edit[], valid?: StillValid];

/** What PEM signatures have in common is proven with one key of theirs. */
const OF_THE_IMAGE: readonly Tampering[] = [
  ["launch script", () => [[2, X]]],
  ["UUID", () => [[50, X]]],
  ["architecture", () => [[45, Buffer.from("04")]], "all"],
  ["header times", () => [[64, X]], "all"],
  ["created time", () => [[descriptorAt(2) + offsets.createdSec, X]]],
  ["modified time", () => [[descriptorAt(2) + offsets.modifiedSec, X]], "all"],
  ["size with padding", () => [[descriptorAt(3) + offsets.sizeWithPadding, X]], "all"],
  ["name", () => [[descriptorAt(2) + offsets.name, X]]],
  ["extra", () => [[descriptorAt(3) + offsets.extra + 20, X]]],
  ["size", () => [[descriptorAt(1) + offsets.size, Buffer.of(31)]]],
  ["offset beyond the end", () => [[descriptorAt(3) + offsets.offset + 3, X]]],
  ["content of 1", () => [[32_176, X]]],
  ["content of 3", () => [[36_863, X]]],
  ["object 2 removed", () => [[descriptorAt(2), new Uint8Array(DESCRIPTOR.size)]]],
  ["object 1 removed", () => [[descriptorAt(1), new Uint8Array(DESCRIPTOR.size)]]],
];
const OF_ITS_TEXT: readonly Tampering[] = [
  ["message", () => [[SIGNATURE + 90, X]]],
  ["signature", (size) => [[size - 100, Buffer.from("AAAA")]]],
];
const OF_THE_SIGNATURE: readonly Tampering[] = [
  ["first line", () => [[SIGNATURE + 3, X]]],
  ["hash type", () => [[descriptorAt(4) + offsets.extra, Buffer.of(5)]], "all"],
  ["unknown hash type", () => [[descriptorAt(4) + offsets.extra, Buffer.of(85)]]],
  ["entity", () => [[descriptorAt(4) + offsets.extra + 4, Buffer.from("XXXX")]], "PEM"],
  ["entity beyond the fingerprint", () => [[descriptorAt(4) + offsets.extra + 24, X]], "all"],
  ["link", () => [[descriptorAt(4) + offsets.link, Buffer.of(2, 0, 0, 0)]]],
  ["group of the signature", () => [[descriptorAt(4) + offsets.group, Buffer.of(1)]]],
  ["type of the signature", () => [[descriptorAt(4) + offsets.dataType, Buffer.of(7)]]],
];

const imageOf = (signer: string) => `${signer.replace(" ", "-")}.sif`;
const keyOf = (signer: string) => (signer === "OpenPGP" ? ["-l"] : ["--key", `${imageOf(signer)}.pub`]);

describe.skipIf(apptainer === undefined)("tampering beside Apptainer", () => {
  beforeAll(async () => {
    mkdirSync(env.HOME);
    const run = { cwd: folder, env };
    const owner = ["-N", "Ours", "-E", "ours@example.org", "-C", "c", "-P", "", "--push=false"];
    await mustSifon(["key", "newpair", "-b", "2048", ...owner], run);
    const bytes = await minimalSif();
    for (const signer of SIGNERS) writeFileSync(at(imageOf(signer)), bytes);
    for (const [signer, { privateKey, publicKey }] of Object.entries(PEM_KEYS)) {
      const name = imageOf(signer);
      writeFileSync(at(`${name}.pem`), privateKey.export({ format: "pem", type: "pkcs8" }));
      writeFileSync(at(`${name}.pub`), publicKey.export({ format: "pem", type: "spki" }));
      await mustSifon(["sign", "--key", `${name}.pem`, name], run);
    }
    await mustSifon(["sign", imageOf("OpenPGP")], run);
  });

  const rows = (signer: string, tamperings: readonly Tampering[]) =>
    tamperings.map(([what, edits, valid = "none"]) => {
      const holds = valid === "all" || (valid === "PEM" && signer !== "OpenPGP");
      return [signer, what, edits, holds ? 0 : 255] as const;
    });

  it.each([
    ...SIGNERS.flatMap((signer) => rows(signer, OF_ITS_TEXT)),
    ...["OpenPGP", "Ed25519"].flatMap((signer) => rows(signer, [...OF_THE_SIGNATURE, ...OF_THE_IMAGE])),
  ])("%s: %s gets the same verdict, word for word", async (signer, _, edits, code) => {
    const signed = readFileSync(at(imageOf(signer)));
    writeFileSync(at("tampered.sif"), patched(signed, ...edits(signed.length)));
    await expectSame(code, "verify", ...keyOf(signer), "tampered.sif");
    if (signer === "OpenPGP") await expectSame(code, "verify", "-l", "-j", "tampered.sif");
  });

  // Decided otherwise: Apptainer ends with the system's words, here what is wrong with which object follows them.
  it.each(
    ["OpenPGP", "Ed25519"].flatMap((signer) => [
      [signer, "a signed object", 3] as const,
      [signer, "the signature", 4] as const,
    ]),
  )("%s: a negative offset of %s gets Apptainer's words, and the object", async (signer, _, id) => {
    const signed = readFileSync(at(imageOf(signer)));
    writeFileSync(at("tampered.sif"), patched(signed, [descriptorAt(id) + offsets.offset + 7, Buffer.of(0x80)]));
    const [expected, seen] = await Promise.all([
      theirs("verify", ...keyOf(signer), "tampered.sif"),
      ours("verify", ...keyOf(signer), "tampered.sif"),
    ]);
    expect(expected.stderr).toContain("readat tampered.sif: negative offset\n");
    const words = /negative offset: (?:data object integrity compromised: |Cannot read object )(\d+).*/g;
    const objects = [...`${seen.stdout}${seen.stderr}`.matchAll(words)].map(([, object]) => Number(object));
    const withoutMore = (text: string) => text.replaceAll(words, "negative offset");
    expect({ ...seen, stdout: withoutMore(seen.stdout), stderr: withoutMore(seen.stderr) }).toEqual(expected);
    expect(new Set(objects)).toEqual(new Set([id]));
    expect(seen.code).toBe(255);
  });

  it.each(
    SIGNERS.flatMap((signer) => [
      [signer, "in the signed group", { group: 1 }] as const,
      [signer, "in another group", { group: 2 }] as const,
      [signer, "in no group", {}] as const,
    ]),
  )("%s: an object added %s gets the same verdict, word for word", async (signer, _, place) => {
    writeFileSync(at("added.sif"), readFileSync(at(imageOf(signer))));
    await addObject(at("added.sif"), { dataType: DataType.generic, name: "x", ...place }, Buffer.from("x"), {
      timeSec: TIME_SEC,
    });
    await expectSame(255, "verify", ...keyOf(signer), "added.sif");
    if (signer === "OpenPGP") await expectSame(255, "verify", "-l", "-j", "added.sif");
  });

  it.each(SIGNERS)("%s: another key's signature gets the same verdict, word for word", async (signer) => {
    const other = signer === "OpenPGP" || signer === "RSA" ? "Ed25519" : "RSA";
    await expectSame(255, "verify", ...keyOf(other), imageOf(signer));
    if (signer !== "OpenPGP") await expectSame(255, "verify", "-l", imageOf(signer));
  });
});
