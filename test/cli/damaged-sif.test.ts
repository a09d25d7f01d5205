import { createPublicKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { DESCRIPTOR, HEADER } from "../../src/sif/layout.ts";
import { descriptorAt, ED25519_PEM } from "../sign/signed-file.ts";
import { createSigningPlace, type SigningPlace } from "./signing.ts";

/** A place whose `x.sif` is signed with `k.pem`, and damaged. */
async function damaged(
  context: Pick<TestContext, "onTestFinished">,
  damage: (bytes: Buffer) => void,
): Promise<SigningPlace> {
  const place = await createSigningPlace(context);
  await writeFile(join(place.folder, "k.pem"), ED25519_PEM);
  const publicKey = createPublicKey(ED25519_PEM).export({ format: "pem", type: "spki" });
  await writeFile(join(place.folder, "k.pub"), publicKey);
  await place.run(["sign", "--key", "k.pem", "x.sif"]);
  const bytes = await readFile(join(place.folder, "x.sif"));
  damage(bytes);
  await writeFile(join(place.folder, "x.sif"), bytes);
  return place;
}

const at = (id: number, field: "offset" | "size"): number => descriptorAt(id) + DESCRIPTOR.offsets[field];

describe.concurrent("a SIF whose header or descriptors are damaged", () => {
  it.for<[what: string, damage: (bytes: Buffer) => void, reason: string]>([
    ["magic", (b) => b.write("X", HEADER.offsets.magic), 'invalid SIF magic: Cannot read "x.sif": byte 32'],
    ["version", (b) => b.write("99", HEADER.offsets.version), 'incompatible SIF version: Cannot read "x.sif": its'],
    [
      "number of descriptors",
      (b) => b.writeBigInt64LE(16_000n, HEADER.offsets.descriptorsTotal),
      "reading descriptors: unexpected EOF: Cannot read the descriptor table",
    ],
    ["signature's offset", (b) => b.writeBigInt64LE(900_000n, at(4, "offset")), "integrity: EOF: Cannot read object 4"],
    [
      "signature's size",
      (b) => b.writeBigInt64LE(900_000n, at(4, "size")),
      "integrity: unexpected EOF: Cannot read object 4",
    ],
    [
      "signature's offset, negative",
      (b) => b.writeBigInt64LE(-100n, at(4, "offset")),
      "integrity: readat x.sif: negative offset: Cannot read object 4",
    ],
    [
      "signed object's size, 2^62",
      (b) => b.writeBigInt64LE(2n ** 62n, at(2, "size")),
      "integrity: data object descriptor integrity compromised: 2",
    ],
  ])("verify tells of the %s in Apptainer's words first", async ([, damage, reason], context) => {
    const place = await damaged(context, damage);
    const { code, stderr } = await place.run(["verify", "--key", "k.pub", "x.sif"]);
    expect(stderr).toContain(`FATAL:   Failed to verify container: ${reason}`);
    expect(code).toBe(255);
  });

  it("sif list and info print what the descriptors say, inspect reads what is whole, others refuse", async (context) => {
    const place = await damaged(context, (bytes) => {
      bytes.writeBigInt64LE(2n ** 62n, at(1, "size"));
      bytes.writeBigInt64LE(-100n, at(2, "offset"));
    });
    const list = await place.run(["sif", "list", "x.sif"]);
    expect(list.code).toBe(0);
    expect(list.stdout).toContain("1    |1       |NONE    |32176-4611686018427420080  |Def.FILE\n");
    expect(list.stdout).toContain("2    |1       |NONE    |-100--98                  |JSON.Generic\n");
    expect(list.stdout).toContain("3    |1       |NONE    |32768-36864               |FS (Squashfs");
    const info = await place.run(["sif", "info", "1", "x.sif"]);
    expect(info.stdout).toContain("  Size:         4611686018427387904\n");
    expect(await place.run(["inspect", "x.sif"])).toMatchObject({ code: 0 });
    for (const args of [
      ["inspect", "-d", "x.sif"],
      ["sif", "dump", "1", "x.sif"],
      ["ls", "x.sif"],
      ["check", "x.sif"],
    ]) {
      const { code, stderr } = await place.run(args);
      expect(stderr).toContain(
        'Cannot read object 1 of "x.sif": its descriptor says bytes 32176 to 4611686018427420080, the file has',
      );
      expect(code).not.toBe(0);
    }
  });

  it("sif list adds in 64 bits, as Go does", async (context) => {
    const place = await damaged(context, (bytes) => {
      bytes.writeBigInt64LE(3n * 2n ** 61n, at(1, "offset"));
      bytes.writeBigInt64LE(2n ** 62n, at(1, "size"));
    });
    const { stdout } = await place.run(["sif", "list", "x.sif"]);
    expect(stdout).toContain("|6917529027641081856--6917529027641081856  |");
  });
});
