import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType } from "../../src/sif/data-type.ts";
import { addObject, createSif } from "../../src/sif/edit.ts";
import { readSif } from "../../src/sif/reader.ts";
import { pemSigner } from "../../src/sign/dsse/dsse.ts";
import { signImage } from "../../src/sign/sign-image.ts";
import type { ObjectChoice } from "../../src/sign/signed-image.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { ED25519, ED25519_PUBLIC, TIME_SEC, testFolder, verdictOf } from "./signed-file.ts";

const options = { signer: pemSigner(ED25519), timeSec: TIME_SEC };
const trust = { publicKey: ED25519_PUBLIC };

describe("signImage()", () => {
  it("signs each group, or what is chosen: groups before objects", async (context) => {
    const path = join(await testFolder(context), "x.sif");
    await writeFile(path, await minimalSif());
    await addObject(path, { dataType: DataType.generic, group: 3 }, Buffer.from("b"), options);
    await addObject(path, { dataType: DataType.generic, group: 2 }, Buffer.from("a"), options);
    expect(await signImage(path, options)).toEqual([6, 7, 8]);
    expect(await signImage(path, { ...options, objects: [2], groups: [3] })).toEqual([9, 10]);
    const bytes = await readFile(path);
    const { objects } = await readSif(bytesAccess(bytes));
    expect(objects.slice(5).map(({ link }) => link.kind === "group" && link.group)).toEqual([1, 2, 3, 3, 1]);
    expect((await verdictOf(bytes, { ...trust, groups: [2, 3] })).error).toBeUndefined();
    expect((await verdictOf(bytes, { ...trust, objects: [2] })).error).toBeUndefined();
    // The signature of one object vouches for no other.
    expect((await verdictOf(bytes, trust)).error).toMatchObject({ code: "OBJECT_NOT_SIGNED", details: { id: 1 } });
  });

  it.for<[ObjectChoice, string]>([
    [{ groups: [0] }, "GROUP_ID_INVALID"],
    [{ groups: [2] }, "GROUP_NOT_FOUND"],
    [{ objects: [0] }, "OBJECT_ID_INVALID"],
    [{ objects: [9] }, "OBJECT_NOT_FOUND"],
  ])("refuses %j and leaves the file as it was", async ([choice, code], context) => {
    const path = join(await testFolder(context), "x.sif");
    const before = await minimalSif();
    await writeFile(path, before);
    await expect(signImage(path, { ...options, ...choice })).rejects.toMatchObject({ code });
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  it("refuses a file without groups", async (context) => {
    const path = join(await testFolder(context), "x.sif");
    await createSif(path, { uuid: new Uint8Array(16).fill(1), timeSec: 1 });
    await expect(signImage(path, options)).rejects.toMatchObject({ code: "GROUPS_MISSING" });
    await addObject(path, { dataType: DataType.generic }, Buffer.from("a"), options);
    await expect(signImage(path, options)).rejects.toMatchObject({ code: "GROUPS_MISSING" });
    await expect(signImage(path, { ...options, objects: [1] })).rejects.toMatchObject({ code: "GROUP_ID_INVALID" });
  });

  it("writes nothing when the signer fails", async (context) => {
    const path = join(await testFolder(context), "x.sif");
    const before = await minimalSif();
    await writeFile(path, before);
    const signer = { entity: new Uint8Array(), sign: () => Promise.reject(new Error("no")) };
    await expect(signImage(path, { ...options, signer })).rejects.toThrow("no");
    expect((await readFile(path)).equals(before)).toBe(true);
  });
});
