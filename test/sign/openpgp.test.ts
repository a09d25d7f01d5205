import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { DataType, HashType } from "../../src/sif/data-type.ts";
import { addObject } from "../../src/sif/edit.ts";
import type { Link } from "../../src/sif/image.ts";
import { addKeysToKeyring, addToKeyring, readKeyring, removeFromKeyring } from "../../src/sign/keyring/keyring.ts";
import { formatClearText, parseClearText } from "../../src/sign/openpgp/clear-text.ts";
import { armorKey, type PgpKey, parseUserId, readPgpKeys } from "../../src/sign/openpgp/key.ts";
import { changePassphrase, checkPassphrase, generatePgpKey, publicHalf } from "../../src/sign/openpgp/secret-key.ts";
import { pgpSigner } from "../../src/sign/openpgp/sign-text.ts";
import { splitKeys } from "../../src/sign/openpgp/split-keys.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import {
  descriptorAt,
  golden,
  makeKey,
  patched,
  signedSif,
  TIME_SEC,
  testFolder,
  type Verdict,
  verdictOf,
} from "./signed-file.ts";

let ann: PgpKey;
let bob: PgpKey;
let annPublic: PgpKey;
beforeAll(async () => {
  [ann, bob] = [await makeKey("ann@example.org"), await makeKey("bob@example.org", "secret")];
  annPublic = await publicHalf(ann);
});

describe("pgpSigner() and verifyImage()", () => {
  it("agree; the descriptor names the signer", async () => {
    const bytes = await signedSif([await pgpSigner(ann), await pgpSigner(bob, "secret")]);
    const { results, error } = await verdictOf(bytes, { pgpKeys: [await publicHalf(bob), annPublic] });
    expect(error).toBeUndefined();
    expect(results.map(({ signer }) => signer?.fingerprint)).toEqual([ann.fingerprint, bob.fingerprint]);
    const end = bytes.indexOf("-----END PGP SIGNATURE-----");
    expect(bytes.subarray(end + 27, end + 32).toString()).toBe("-----");
  });

  it("find damage, unknown signers and foreign names", async () => {
    const bytes = await signedSif([await pgpSigner(ann)]);
    const reason = async (file: Uint8Array, pgpKeys: readonly PgpKey[] | undefined) => {
      const { error } = await verdictOf(file, pgpKeys === undefined ? {} : { pgpKeys });
      return (error as Error).message;
    };
    expect(await reason(bytes, [])).toBe("signature object 4 not valid: openpgp: signature made by unknown entity");
    expect(await reason(bytes, undefined)).toBe("key material not provided for PGP clear-sign signature");
    expect(await reason(patched(bytes, [36_864 + 70, Buffer.from("X")]), [annPublic])).toBe(
      "signature object 4 not valid: openpgp: invalid signature: EdDSA verification failure",
    );
    expect(await reason(patched(bytes, [bytes.length - 40, Buffer.from("!")]), [annPublic])).toBe(
      "signature object 4 not valid: illegal base64 data",
    );
    const foreign = Buffer.of(Number.parseInt(ann.fingerprint.slice(0, 2), 16) ^ 1);
    expect(await reason(patched(bytes, [descriptorAt(4) + 205, foreign]), [annPublic])).toBe(
      "fingerprint in descriptor does not correspond to signing entity",
    );
    expect(await reason(patched(bytes, [36_864, Buffer.from("X")]), [annPublic])).toBe(
      "signature format not recognized",
    );
  });

  it("refuses a signature from before its key", async () => {
    const bytes = await signedSif([await pgpSigner(ann)]);
    const { error } = await verdictOf(bytes, { pgpKeys: [annPublic], now: new Date("2001-01-01T00:00:00Z") });
    expect((error as Error).message).toMatch(/^signature object 4 not valid: openpgp: invalid signature: .*future/);
  });
});

describe("verifyImage() of legacy signatures", () => {
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  async function legacySif(path: string, digestOf: (image: Uint8Array) => string, link: Link): Promise<Buffer> {
    const image = await minimalSif();
    await writeFile(path, image);
    const signer = await pgpSigner(ann);
    const extra = { kind: "signature", hashType: HashType.sha256, entity: signer.entity } as const;
    const content = await signer.sign(`SIFHASH:\n${digestOf(image)}`);
    await addObject(path, { dataType: DataType.signature, link, extra }, content, { timeSec: TIME_SEC });
    return readFile(path);
  }
  const ofPartition = (image: Uint8Array) => sha256(image.subarray(32_768));
  const ofGroup = (image: Uint8Array) =>
    sha256(Buffer.concat([image.subarray(32_176, 32_210), image.subarray(32_768)]));

  it("holds an object's content, or that of a group, against the digest", async (context) => {
    const path = join(await testFolder(context), "x.sif");
    const trust = { pgpKeys: [annPublic] };
    const ids = ({ results }: Verdict) => results.flatMap(({ verified }) => verified.map(({ id }) => id));
    const single = await legacySif(path, ofPartition, { kind: "object", id: 3 });
    expect(ids(await verdictOf(single, { ...trust, legacy: "primary" }))).toEqual([3]);
    expect((await verdictOf(single, { ...trust, legacy: "all" })).error).toMatchObject({ code: "SIGNATURE_NOT_FOUND" });
    expect((await verdictOf(single, trust)).error).toMatchObject({ code: "SIGNATURE_NOT_FOUND" });
    const group = await legacySif(path, ofGroup, { kind: "group", group: 1 });
    expect(ids(await verdictOf(group, { ...trust, legacy: "primary", groups: [1] }))).toEqual([1, 2, 3]);
    const damaged = patched(single, [36_000, Buffer.from("X")]);
    const { error } = await verdictOf(damaged, { ...trust, legacy: "primary" });
    expect((error as Error).message).toBe("data object integrity compromised: 3");
    const damagedGroup = await verdictOf(patched(group, [36_000, Buffer.from("X")]), {
      ...trust,
      legacy: "primary",
      groups: [1],
    });
    expect((damagedGroup.error as Error).message).toBe("data object integrity compromised");
  });
});

describe("secret keys", () => {
  it("are opened by their passphrase alone", async () => {
    await expect(checkPassphrase(ann, undefined)).resolves.toBeUndefined();
    await expect(checkPassphrase(bob, "secret")).resolves.toBeUndefined();
    await expect(checkPassphrase(bob, "wrong")).rejects.toMatchObject({ code: "PASSPHRASE_WRONG" });
    await expect(checkPassphrase(bob, "")).rejects.toMatchObject({ code: "PASSPHRASE_NEEDED" });
    await expect(pgpSigner(annPublic)).rejects.toMatchObject({ code: "KEY_INVALID" });
  });

  it("changePassphrase() keeps the key", async () => {
    const open = await changePassphrase(bob, "secret", "");
    expect(open).toMatchObject({ fingerprint: bob.fingerprint, isEncrypted: false, isSecret: true });
    const locked = await changePassphrase(open, undefined, "other");
    expect(locked.isEncrypted).toBe(true);
    await expect(checkPassphrase(locked, "other")).resolves.toBeUndefined();
  });

  it("generatePgpKey() makes an RSA pair with the user ID that was asked for", async () => {
    const wanted = { name: "Ann", email: "", comment: "c", passphrase: "p", bitLength: 2048 };
    const { publicKey, secretKey } = await generatePgpKey(wanted);
    expect(publicKey).toMatchObject({ bitLength: 2048, isSecret: false, userIds: ["Ann (c)"] });
    expect(secretKey).toMatchObject({ fingerprint: publicKey.fingerprint, isSecret: true, isEncrypted: true });
    await expect(generatePgpKey({ ...wanted, email: "no mail" })).rejects.toMatchObject({ code: "KEY_GENERATION" });
  });
});

describe("readPgpKeys()", () => {
  it("reads keys armored and binary, one or more", async () => {
    const both = Buffer.concat([annPublic.bytes, bob.bytes]);
    expect((await readPgpKeys(both)).map(({ isSecret }) => isSecret)).toEqual([false, true]);
    expect(await readPgpKeys(Buffer.from(armorKey(bob)))).toEqual([bob]);
    expect((await readPgpKeys(golden("signer.asc")))[0]?.bitLength).toBe(2048);
    expect((await readPgpKeys(annPublic.bytes))[0]).toMatchObject({ bitLength: 263, keyIds: annPublic.keyIds });
  });

  it.each(["", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"])(
    "finds none in %j",
    async (text) => {
      expect(await readPgpKeys(Buffer.from(text))).toEqual([]);
    },
  );

  it.each(["junk", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----", "\xc6\xff"])(
    "refuses %j",
    async (text) => {
      await expect(readPgpKeys(Buffer.from(text, "latin1"))).rejects.toMatchObject({ code: "KEY_INVALID" });
    },
  );
});

it.each([
  ["Ann (work) <a@x>", { name: "Ann", comment: "work", email: "a@x" }],
  ["Ann <a@x>", { name: "Ann", comment: "", email: "a@x" }],
  ["Ann", { name: "Ann", comment: "", email: "" }],
  ["<a@x>", { name: "", comment: "", email: "a@x" }],
  ["", { name: "", comment: "", email: "" }],
])("parseUserId() takes %j apart", (text, parts) => expect(parseUserId(text)).toEqual(parts));

describe("clear text", () => {
  it("parseClearText() reads what formatClearText() wrote", () => {
    const line = fc.string({ unit: "binary" }).map((text) => text.replace(/[\r\n]/g, "").replace(/[ \t]+$/, ""));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.uint8Array({ minLength: 1 }), (lines, signature) => {
        const text = lines.join("\n");
        const parsed = parseClearText(Buffer.from(formatClearText({ text, signature }, "SHA256")));
        expect(parsed?.text).toBe(Buffer.from(text).toString());
        expect(Buffer.from(parsed?.signature ?? []).equals(signature)).toBe(true);
      }),
    );
  });

  it("takes lines with carriage returns, a checksum and text around it", () => {
    const written = formatClearText({ text: "{}", signature: Buffer.from("abc") }, "SHA256");
    const windows = written.replace("\n-----END", "\n=abcd\n-----END").replaceAll("\n", "\r\n");
    expect(parseClearText(Buffer.from(`before\r\n${windows}\r\nafter`))).toEqual(parseClearText(Buffer.from(written)));
  });
});

describe("splitKeys()", () => {
  it("cuts before primary keys, and refuses damage with a place", () => {
    const both = Buffer.concat([annPublic.bytes, bob.bytes]);
    expect(splitKeys(both).map((part) => part.length)).toEqual([annPublic.bytes.length, bob.bytes.length]);
    expect(splitKeys(Buffer.alloc(0))).toEqual([]);
    for (let size = 1; size < 40; size++) expect(() => splitKeys(both.subarray(0, size))).toThrow("beyond the end");
    expect(() => splitKeys(Buffer.from("0101", "hex"))).toThrow("byte 0x1 begins no packet");
    expect(() => splitKeys(Buffer.from("cd00", "hex"))).toThrow("a packet of type 13 stands where a key must begin");
  });

  it.each([
    ["c60100", 3],
    ["c6c000".padEnd(6 + 192 * 2, "0"), 195],
    [`c6ff00000002${"0000"}`, 8],
    ["9801ff", 3],
    ["990001ff", 4],
    ["9a00000001ff", 6],
  ])("reads the length of a packet in each form: %s", (hex, size) => {
    expect(splitKeys(Buffer.from(hex, "hex")).map((part) => part.length)).toEqual([size]);
  });

  it.each([
    ["keys", "c60100", 10_000],
    ["packets of one key", "cd00", 20_000 - 1],
  ])("keeps to a limit of %s", (_, hex, limit) => {
    const one = Buffer.from(hex, "hex");
    const bytes = (count: number) => Buffer.concat([Buffer.from("c60100", "hex"), ...Array(count).fill(one)]);
    const allowed = hex === "cd00" ? limit : limit - 1;
    expect(splitKeys(bytes(allowed)).length).toBe(hex === "cd00" ? 1 : limit);
    expect(() => splitKeys(bytes(allowed + 1))).toThrow(/more than (10000 keys|20000 packets)/);
  });

  it.each(["9b00", "c6e000"])("refuses a length that only data may have: %s", (hex) => {
    expect(() => splitKeys(Buffer.from(hex, "hex"))).toThrow(/length/);
  });
});

describe("keyrings", () => {
  it("keep keys in order, for their owner alone, and leave nothing else behind", async (context) => {
    const folder = join(await testFolder(context), "keys");
    const path = join(folder, "pgp-secret");
    expect(await readKeyring(path)).toEqual([]);
    await addToKeyring(path, ann);
    await addToKeyring(path, bob);
    expect(await readKeyring(path)).toEqual([ann, bob]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await expect(addToKeyring(path, ann)).rejects.toMatchObject({ code: "KEY_PRESENT" });
    await removeFromKeyring(path, ann.fingerprint.toLowerCase());
    expect(await readKeyring(path)).toEqual([bob]);
    await expect(removeFromKeyring(path, ann.fingerprint)).rejects.toMatchObject({ code: "KEY_NOT_FOUND" });
    expect(await readdir(folder)).toEqual(["pgp-secret"]);
  });

  it("take several keys at once, up to the first that is there already", async (context) => {
    const path = join(await testFolder(context), "pgp-public");
    const bobPublic = await publicHalf(bob);
    expect(await addKeysToKeyring(path, [annPublic])).toBe(1);
    expect(await addKeysToKeyring(path, [bobPublic, annPublic])).toBe(1);
    expect(await addKeysToKeyring(path, [bobPublic])).toBe(0);
    expect(await addKeysToKeyring(path, [])).toBe(0);
    expect((await readKeyring(path)).map(({ fingerprint }) => fingerprint)).toEqual([ann.fingerprint, bob.fingerprint]);
  });

  it("keep keys byte for byte that are not understood", async (context) => {
    const path = join(await testFolder(context), "pgp-public");
    const strange = Buffer.from("c60300ff00", "hex");
    await writeFile(path, Buffer.concat([strange, annPublic.bytes]));
    expect((await readKeyring(path)).map(({ fingerprint }) => fingerprint)).toEqual([ann.fingerprint]);
    await addToKeyring(path, await publicHalf(bob));
    await removeFromKeyring(path, ann.fingerprint);
    expect((await readFile(path)).subarray(0, strange.length).equals(strange)).toBe(true);
  });

  it("refuse damaged files and a change while another goes on", async (context) => {
    const folder = await testFolder(context);
    const path = join(folder, "pgp-public");
    await writeFile(path, "junk");
    await expect(readKeyring(path)).rejects.toMatchObject({ code: "KEYRING_DAMAGED", details: { offset: 0 } });
    await expect(addToKeyring(path, annPublic)).rejects.toMatchObject({ code: "KEYRING_DAMAGED" });
    expect(await readdir(folder)).toEqual(["pgp-public"]);
    await mkdir(`${path}.new`);
    await expect(addToKeyring(path, annPublic)).rejects.toMatchObject({ code: "KEYRING_BUSY" });
  });
});
