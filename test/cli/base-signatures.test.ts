import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType } from "../../src/sif/data-type.ts";
import { addObject } from "../../src/sif/edit.ts";
import { readSif } from "../../src/sif/reader.ts";
import { pemSigner } from "../../src/sign/dsse/dsse.ts";
import { addToKeyring } from "../../src/sign/keyring/keyring.ts";
import { publicHalf } from "../../src/sign/openpgp/secret-key.ts";
import { pgpSigner } from "../../src/sign/openpgp/sign-text.ts";
import { signImage } from "../../src/sign/sign-image.ts";
import type { ImageSigner } from "../../src/sign/signer.ts";
import { emptyRootSquashfs } from "../sif/minimal-sif.ts";
import { ED25519, makeKey, patched, TIME_SEC } from "../sign/signed-file.ts";
import { createSigningPlace, type SigningPlace } from "./signing.ts";

// What Apptainer 1.4.5 says and does, but where a row says otherwise.

interface KeyedPlace extends SigningPlace {
  /** Puts an image there, signed by these keys. */
  readonly signed: (name: string, ...signers: readonly ImageSigner[]) => Promise<void>;
  /** Builds upon an image; what is told that does not belong to every build, and the exit code. */
  readonly build: (
    from: string,
    fingerprints?: string,
  ) => Promise<{ readonly lines: readonly string[]; readonly code: number }>;
}

const [annKey, bobKey] = [await makeKey("ann@example.org"), await makeKey("bob@example.org")];
const [annSigns, bobSigns] = [await pgpSigner(annKey), await pgpSigner(bobKey)];
const [ann, bob] = [annKey.fingerprint, bobKey.fingerprint];

/** Both keys are trusted there. */
async function createKeyedPlace(test: Pick<TestContext, "onTestFinished">): Promise<KeyedPlace> {
  const place = await createSigningPlace(test);
  const { folder, keys, run } = place;
  for (const key of [annKey, bobKey]) await addToKeyring(join(keys, "pgp-public"), await publicHalf(key));
  return {
    ...place,
    async signed(name, ...signers) {
      await copyFile(join(folder, "x.sif"), join(folder, name));
      for (const signer of signers) await signImage(join(folder, name), { signer, timeSec: TIME_SEC });
    },
    async build(from, fingerprints) {
      const line = fingerprints === undefined ? "" : `Fingerprints: ${fingerprints}\n`;
      await writeFile(join(folder, "t.def"), `Bootstrap: localimage\nFrom: ${from}\n${line}`);
      const { code, stderr } = await run(["build", "-F", "t.sif", "t.def"]);
      const lines = stderr.split("\n").filter((one) => /bootstrap image|^WARNING|^FATAL|^ERROR/i.test(one));
      return { lines, code: code ?? -1 };
    },
  };
}

const CHECKING = (...fingerprints: readonly string[]) =>
  `INFO:    Checking bootstrap image verifies with fingerprint(s): [${fingerprints.join(" ")}]`;
const REFUSED = (reason: string) =>
  `FATAL:   While performing build: conveyor failed to get: while checking fingerprint: ${reason}`;
const NOT_BY_ALL = REFUSED("image not signed by required entities");

describe("Fingerprints", () => {
  it("are of keys that must all have signed all of the image", async (test) => {
    const { signed, build } = await createKeyedPlace(test);
    await signed("ann.sif", annSigns);
    await signed("both.sif", annSigns, bobSigns);
    expect(await build("ann.sif", ann)).toEqual({ lines: [CHECKING(ann)], code: 0 });
    const small = ann.toLowerCase();
    expect(await build("ann.sif", `${small} # hers`)).toEqual({ lines: [CHECKING(small)], code: 0 });
    expect(await build("ann.sif", bob)).toEqual({ lines: [CHECKING(bob), NOT_BY_ALL], code: 255 });
    expect(await build("ann.sif", `${ann},${bob}`)).toEqual({ lines: [CHECKING(ann, bob), NOT_BY_ALL], code: 255 });
    expect(await build("both.sif", bob)).toEqual({ lines: [CHECKING(bob)], code: 0 });
    expect(await build("both.sif", `${bob} , ${ann}`)).toEqual({ lines: [CHECKING(bob, ann)], code: 0 });
  });

  it("are of keys that must all have signed every group of objects", async (test) => {
    const { folder, signed, build } = await createKeyedPlace(test);
    await signed("groups.sif", annSigns);
    const extra = { dataType: DataType.genericJson, group: 2, name: "x.json" };
    await addObject(join(folder, "groups.sif"), extra, Buffer.from("{}"), { timeSec: TIME_SEC });
    const unsigned = REFUSED("integrity: signature not found for object group 2");
    expect((await build("groups.sif", ann)).lines).toEqual([CHECKING(ann), unsigned]);
    const signGroup = (signer: ImageSigner) =>
      signImage(join(folder, "groups.sif"), { signer, groups: [2], timeSec: TIME_SEC });
    await signGroup(bobSigns);
    expect((await build("groups.sif", ann)).lines).toEqual([CHECKING(ann), NOT_BY_ALL]);
    await signGroup(annSigns);
    expect(await build("groups.sif", ann)).toEqual({ lines: [CHECKING(ann)], code: 0 });
  });

  it("let nothing be built where a signature does not hold", async (test) => {
    const { folder, signed, build, run } = await createKeyedPlace(test);
    const refused = async (from: string, reason: string) =>
      expect(await build(from, ann), from).toEqual({ lines: [CHECKING(ann), REFUSED(reason)], code: 255 });
    await refused("x.sif", "integrity: signature not found for object group 1");
    await signed("tampered.sif", annSigns);
    await tamper(folder, "tampered.sif");
    await refused("tampered.sif", "integrity: data object integrity compromised: 3");
    await signed("pem.sif", annSigns, pemSigner(ED25519));
    await refused("pem.sif", "integrity: key material not provided for DSSE envelope signature");
    await signed("unknown.sif", annSigns);
    await run(["key", "remove", ann]);
    await refused("unknown.sif", "integrity: signature object 4 not valid: openpgp: signature made by unknown entity");
  });

  it("mean SIF files: what cannot be signed is refused, what is fetched is not checked, and that is told", async (test) => {
    const { folder, build, run } = await createKeyedPlace(test);
    await writeFile(join(folder, "x.sqfs"), emptyRootSquashfs());
    await run(["build", "--sandbox", "box", "x.sif"]);
    // Deviates: Apptainer builds upon these without a word.
    for (const [from, kind] of [
      ["x.sqfs", "SquashFS file"],
      ["box", "sandbox"],
    ] as const) {
      const said = `FATAL:   While performing build: Cannot check who signed "${from}": it is a ${kind}, and only SIF files have signatures. Name a SIF file in From, or leave Fingerprints out.`;
      expect(await build(from, ann)).toEqual({ lines: [said], code: 255 });
    }
    await writeFile(join(folder, "s.def"), `Bootstrap: scratch\nFingerprints: ${ann}\n`);
    const { code, stderr } = await run(["build", "s.sif", "s.def"]);
    expect(stderr).toContain(
      "WARNING: s.def:2: Fingerprints are of SIF files; nothing is checked with them for Bootstrap: scratch. Leave the line out, or build upon a signed SIF file (Bootstrap: localimage).\n",
    );
    expect(code).toBe(0);
  });
});

describe("without Fingerprints", () => {
  it("a base whose signatures do not hold is told, and built upon", async (test) => {
    const { folder, signed, build, run } = await createKeyedPlace(test);
    const verifying = (from: string) => `INFO:    Verifying bootstrap image ${from}`;
    const doubted = "WARNING: Bootstrap image could not be verified, but build will continue.";
    expect(await build("x.sif")).toEqual({ lines: [verifying("x.sif")], code: 0 });
    await signed("s.sif", annSigns);
    expect(await build("s.sif")).toEqual({ lines: [verifying("s.sif")], code: 0 });
    await signed("tampered.sif", annSigns);
    await tamper(folder, "tampered.sif");
    const compromised = "WARNING: integrity: data object integrity compromised: 3";
    const lines = [verifying("tampered.sif"), compromised, doubted];
    expect(await build("tampered.sif")).toEqual({ lines, code: 0 });
    for (const options of [[], ["--sandbox"]]) {
      const { code, stderr } = await run(["build", ...options, `t${options.length}`, "tampered.sif"]);
      expect(stderr).toContain(`${lines.join("\n")}\n`);
      expect(code).toBe(0);
    }
    await run(["key", "remove", ann]);
    const unknown = "WARNING: integrity: signature object 4 not valid: openpgp: signature made by unknown entity";
    expect(await build("s.sif")).toEqual({ lines: [verifying("s.sif"), unknown, doubted], code: 0 });
    const { stderr } = await run(["build", "--keysdir", "none", "-F", "t.sif", "s.sif"]);
    expect(stderr).toContain(unknown);
  });
});

/** Changes a byte of the root's that no reader of it looks at. */
async function tamper(folder: string, name: string): Promise<void> {
  const path = join(folder, name);
  const bytes = await readFile(path);
  const { objects } = await readSif(bytesAccess(bytes));
  const { offset = 0, size = 0 } = objects[2] ?? {};
  await writeFile(path, patched(bytes, [offset + size - 1, Buffer.from("X")]));
}
