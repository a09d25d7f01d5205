import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey, readKey, revokeKey } from "openpgp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType, HashType } from "../../src/sif/data-type.ts";
import { addObject } from "../../src/sif/edit.ts";
import type { Link } from "../../src/sif/image.ts";
import { readSif } from "../../src/sif/reader.ts";
import { sshFingerprint } from "../../src/sign/dsse/ssh-fingerprint.ts";
import { readKeyring } from "../../src/sign/keyring/keyring.ts";
import { parseClearText } from "../../src/sign/openpgp/clear-text.ts";
import { readPgpKeys } from "../../src/sign/openpgp/key.ts";
import { pgpSigner } from "../../src/sign/openpgp/sign-text.ts";
import { signImage } from "../../src/sign/sign-image.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { golden, patched } from "../sign/signed-file.ts";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { mustRun } from "../support/command.ts";
import { mustSifon, sifon } from "../support/sifon.ts";
import { requireTool } from "../support/tools.ts";
import { besideApptainer } from "./beside-apptainer.ts";

const apptainer = findApptainer();
const folder = apptainer === undefined ? "" : mkdtempSync(join(tmpdir(), "sifon-sign-oracle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { at, env: home, theirs, ours, expectSame } = besideApptainer(apptainer ?? "", folder);

const owner = (name: string, password = "") =>
  [
    "-b",
    "2048",
    "-N",
    name,
    "-E",
    `${name.toLowerCase()}@example.org`,
    "-C",
    "c",
    "-P",
    password,
    "--push=false",
  ] as const;

async function newSif(name: string): Promise<string> {
  writeFileSync(at(name), await minimalSif());
  return name;
}

describe.skipIf(apptainer === undefined)("signatures beside Apptainer", () => {
  beforeAll(async () => {
    mkdirSync(home.HOME);
    await mustSifon(["key", "newpair", ...owner("Ours")], { cwd: folder, env: home });
    await theirs("key", "newpair", ...owner("Theirs"));
    await mustSifon(["key", "newpair", ...owner("Locked", "secret")], { cwd: folder, env: home });
    await theirs("key", "newpair", ...owner("Also", "secret"));
  });

  it("keyrings: each lists the keys of the other", async () => {
    await expectSame(0, "key", "list");
    await expectSame(0, "key", "list", "--secret");
    expect((await theirs("key", "list")).stdout.match(/User: {14}\w+/g)).toHaveLength(4);
  });

  it.each(["0", "1"])("OpenPGP: key %s signs in either, both verify both", async (index) => {
    for (const [name, sign] of [
      [`ours${index}.sif`, ours],
      [`theirs${index}.sif`, theirs],
    ] as const) {
      await newSif(name);
      expect(await sign("sign", "-k", index, name)).toMatchObject({ code: 0 });
      await expectSame(0, "verify", "-l", name);
      await expectSame(0, "verify", "-l", "--json", name);
    }
    const lengths = [`ours${index}.sif`, `theirs${index}.sif`].map((name) => readFileSync(at(name)).length);
    expect(lengths[0]).toBe(lengths[1]);
  });

  it("OpenPGP: a key that either encrypted signs in Sifon, and Apptainer verifies", async () => {
    const name = await newSif("locked.sif");
    for (const index of ["2", "3"]) {
      const signed = await sifon(["sign", "-k", index, name], { cwd: folder, env: home, stdin: "secret\n" });
      expect(signed.code, signed.stderr).toBe(0);
    }
    await expectSame(0, "verify", "-l", name);
  });

  it("OpenPGP: keys go from one to the other as files", async () => {
    const elsewhere = { HOME: at("elsewhere") };
    const env = { ...home, APPTAINER_KEYSDIR: at("one-key") };
    await mustSifon(["key", "newpair", ...owner("Single")], { cwd: folder, env });
    await mustSifon(["key", "export", "--armor", "single.asc"], { cwd: folder, env });
    await mustSifon(["key", "export", "--secret", "single.key"], { cwd: folder, env });
    mkdirSync(elsewhere.HOME);
    const { status, stderr } = runApptainer(apptainer as string, ["key", "import", "single.key"], {
      cwd: folder,
      env: elsewhere,
    });
    expect(status, stderr).toBe(0);
    const listed = runApptainer(apptainer as string, ["key", "list", "--secret"], { cwd: folder, env: elsewhere });
    expect(listed.stdout).toContain("Single (c) <single@example.org>");
    expect((await theirs("key", "import", "single.asc")).code).toBe(0);
    // In the keyring that both share by now the public half is there: its private half goes in beside an error.
    await expectSame(2, "key", "import", "single.asc");
    const [imported, fingerprint] = [await theirs("key", "import", "single.key"), /[0-9A-F]{40}/];
    expect(imported.code).toBe(2);
    const remove = ["key", "remove", "--secret", fingerprint.exec(imported.stdout)?.[0] as string] as const;
    expect((await ours(...remove)).code).toBe(0);
    expect(await ours("key", "import", "single.key")).toEqual(imported);
    expect((await ours(...remove)).code).toBe(0);
  });

  it.each([
    ["nothing", ""],
    ["an empty block", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"],
    ["no key", "junk\n"],
  ])("key import of %s ends with the same exit code", async (what, text) => {
    writeFileSync(at("import.asc"), text);
    const { code, stdout } = await ours("key", "import", "import.asc");
    expect({ code, stdout }).toEqual({ code: (await theirs("key", "import", "import.asc")).code, stdout: "" });
    expect(code).toBe(what === "no key" ? 2 : 0);
  });

  it("OpenPGP: a key that was revoked after it signed", async () => {
    const name = await newSif("revoked.sif");
    const { privateKey, publicKey, revocationCertificate } = await generateKey({
      userIDs: [{ name: "Revoked", email: "r@example.org" }],
      ...{ type: "rsa", rsaBits: 2048, format: "binary" },
    });
    const [secret] = await readPgpKeys(privateKey);
    await signImage(at(name), { signer: await pgpSigner(secret!), timeSec: Math.floor(Date.now() / 1000) });
    const revoked = await revokeKey({ key: await readKey({ binaryKey: publicKey }), revocationCertificate });
    writeFileSync(at("revoked.asc"), revoked.publicKey);
    expect(await ours("key", "import", "revoked.asc")).toMatchObject({ code: 0 });
    await expectSame(255, "verify", name);
    await expectSame(255, "verify", "-l", "-j", name);
    expect((await ours("key", "remove", `0x${secret!.fingerprint}`)).code).toBe(0);
  });

  it.each([[], ["-s"], ["-b"], ["-p", "-s"]])("key remove %s of a key that is not there", async (...options) => {
    await expectSame(255, "key", "remove", ...options, "0".repeat(40));
  });

  it.each([["-b"], ["-p", "-s"]])("key remove %s of a public key without its private one", async (...options) => {
    const { publicKey } = await generateKey({
      userIDs: [{ name: "Public", email: "p@example.org" }],
      ...{ type: "rsa", rsaBits: 2048, format: "binary" },
    });
    writeFileSync(at("public.gpg"), publicKey);
    const [key] = await readPgpKeys(publicKey);
    for (const remove of [theirs, ours]) {
      await ours("key", "import", "public.gpg");
      const seen = await remove("key", "remove", ...options, `0x${key!.fingerprint}`);
      expect(seen).toEqual({ code: 0, stdout: "", stderr: "" });
      expect((await ours("key", "list")).stdout).not.toContain("Public (");
    }
  });

  it.each([
    ["ECDSA P-256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["ECDSA P-384", generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["ECDSA P-521", generateKeyPairSync("ec", { namedCurve: "P-521" })],
    ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ["Ed25519", generateKeyPairSync("ed25519")],
  ])("PEM %s: both verify what either signed", async (_, { privateKey, publicKey }) => {
    writeFileSync(at("k.pem"), privateKey.export({ format: "pem", type: "pkcs8" }));
    writeFileSync(at("k.pub"), publicKey.export({ format: "pem", type: "spki" }));
    const name = await newSif("pem.sif");
    expect((await ours("sign", "--key", "k.pem", name)).code).toBe(0);
    expect((await theirs("sign", "--key", "k.pem", name)).code).toBe(0);
    await expectSame(0, "verify", "--key", "k.pub", name);
    await expectSame(0, "verify", "--key", "k.pub", "-j", name);
    await expectSame(255, "verify", "-l", name);
    const bytes = readFileSync(at(name));
    const ids = (await readSif(bytesAccess(bytes))).objects
      .slice(3)
      .map(({ offset, size }) => JSON.parse(bytes.toString("latin1", offset, offset + size)).signatures[0].keyid);
    expect(ids[0]).toBe(ids[1]);
  });

  it("certificates: the same verdict", async () => {
    cpSync(new URL("../../fixtures/golden/sign/certificates", import.meta.url), at("c"), { recursive: true });
    const name = await newSif("certified.sif");
    expect((await ours("sign", "--key", "c/signer.key", name)).code).toBe(0);
    const verify = (code: number, leaf: string, between: readonly string[], roots = "c/root.pem") => {
      writeFileSync(at("between.pem"), Buffer.concat(between.map((one) => golden(`certificates/${one}.pem`))));
      const intermediates = between.length === 0 ? [] : ["--certificate-intermediates", "between.pem"];
      return expectSame(
        code,
        "verify",
        "--certificate",
        `c/${leaf}.pem`,
        ...intermediates,
        "--certificate-roots",
        roots,
        name,
      );
    };
    await verify(0, "signer", ["intermediate"]);
    await verify(0, "signer", ["server", "intermediate"]);
    await verify(0, "signer", [], "c/signer.pem");
    await verify(255, "signer", []);
    await verify(255, "signer", ["short-path"]);
    await verify(255, "any-usage", []);
    await verify(255, "server", ["intermediate"]);
    await verify(255, "below-server-issuer", ["server-issuer"]);
    await verify(255, "signer", ["intermediate"], "certified.sif");
    for (const [leaf, between] of [
      ["below-not-an-issuer", ["not-an-issuer"]],
      ["too-deep", ["below-short-path", "short-path"]],
      ["constrained", []],
      ["brief", []],
    ] as const) {
      // The current second is in one of the sentences.
      const args = ["verify", "--certificate", `c/${leaf}.pem`, "--certificate-roots", "c/root.pem", name];
      writeFileSync(at("between.pem"), Buffer.concat(between.map((one) => golden(`certificates/${one}.pem`))));
      if (between.length > 0) args.splice(1, 0, "--certificate-intermediates", "between.pem");
      expect([(await theirs(...args)).code, (await ours(...args)).code], leaf).toEqual([255, 255]);
    }
  });

  it.each([
    ["a signature of each key", ["0", "1"], [0, 1], 0],
    ["a key that did not sign", ["0"], [0, 1], 255],
    ["no signature", [], [0], 255],
    ["no fingerprints, a signature", ["0"], [], 0],
    ["no fingerprints, a signature of an unknown key", ["0"], [], 0],
  ] as const)("a base and its Fingerprints: %s", async (what, signers, required, code) => {
    const name = await newSif("base.sif");
    for (const index of signers) expect((await ours("sign", "-k", index, name)).code).toBe(0);
    const fingerprints = (await theirs("key", "list")).stdout.match(/[0-9A-F]{40}/g) ?? [];
    const wanted = required.map((index) => fingerprints[index]).join(",");
    writeFileSync(at("t.def"), `Bootstrap: localimage\nFrom: ${name}\nFingerprints: ${wanted}\n`);
    // Apptainer asks a key server, too, which is not there.
    const told = ({ code, stderr }: { readonly code: number | null; readonly stderr: string }) => {
      const lines = stderr.split("\n").filter((line) => /bootstrap image|^WARNING|^FATAL/i.test(line));
      return { code, lines: lines.filter((line) => !line.includes("failed to get key material")) };
    };
    const env = what.endsWith("unknown key") ? { ...home, APPTAINER_KEYSDIR: at("no-keys") } : home;
    const build = ["build", "-F", "t.sif", "t.def"];
    const { status, stderr } = runApptainer(apptainer as string, build, { cwd: folder, env });
    const expected = told({ code: status, stderr });
    expect(told(await sifon(build, { cwd: folder, env }))).toEqual(expected);
    expect([expected.code, expected.lines.length > 0]).toEqual([code, true]);
  });

  it.each([
    ["-g", "1"],
    ["-g", "0"],
    ["-g", "2"],
    ["-i", "0"],
    ["-i", "3"],
    ["-i", "4"],
    ["-i", "9"],
    ["-g", "1", "-i", "2"],
    ["-a"],
    ["--legacy-insecure"],
    ["--legacy-insecure", "-a"],
    ["--legacy-insecure", "-i", "1"],
    ["--legacy-insecure", "-g", "1"],
  ])("choices: %s %s", async (...args) => {
    await expectSame(
      (await theirs("verify", "-l", ...args, "ours0.sif")).code ?? -1,
      "verify",
      "-l",
      ...args,
      "ours0.sif",
    );
  });
});

const LEGACY = ["verify", "-l", "--legacy-insecure"] as const;
it.skipIf(apptainer === undefined)("legacy signatures get the same verdict", async () => {
  const [key] = await readKeyring(join(home.HOME, ".apptainer/keys/pgp-secret"));
  const signer = await pgpSigner(key as NonNullable<typeof key>);
  const image = await minimalSif();
  const sha256 = (...parts: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");
  const [one, two, three] = [image.subarray(32_176, 32_208), image.subarray(32_208, 32_210), image.subarray(32_768)];
  const add = async (name: string, digest: string, link: Link) => {
    const extra = { kind: "signature", hashType: HashType.sha256, entity: signer.entity } as const;
    const content = await signer.sign(`SIFHASH:\n${digest}`);
    await addObject(at(name), { dataType: DataType.signature, link, extra }, content, { timeSec: 1_700_000_000 });
  };
  const object = await newSif("legacy-object.sif");
  await add(object, sha256(three), { kind: "object", id: 3 });
  await expectSame(0, ...LEGACY, object);
  await expectSame(0, ...LEGACY, "-i", "3", object);
  await expectSame(0, ...LEGACY, "-j", object);
  await expectSame(255, ...LEGACY, "-a", object);
  await expectSame(255, "verify", "-l", object);
  await add(object, sha256(one), { kind: "object", id: 1 });
  await add(object, sha256(two), { kind: "object", id: 2 });
  await expectSame(0, ...LEGACY, "-a", object);
  const group = await newSif("legacy-group.sif");
  await add(group, sha256(one, two, three), { kind: "group", group: 1 });
  await expectSame(0, ...LEGACY, "-g", "1", group);
  await expectSame(255, ...LEGACY, group);
  await expectSame(255, "verify", "-l", group);
  for (const name of [object, group]) {
    writeFileSync(at(name), patched(readFileSync(at(name)), [36_000, Buffer.from("X")]));
    await expectSame(255, ...LEGACY, ...(name === group ? ["-g", "1"] : []), name);
  }
  // For a group Apptainer says beside the reason that there is no object 0: its own defect.
  await expectSame(255, ...LEGACY, "-j", object);
});

const gpg = requireTool("gpg", "gnupg");
describe.skipIf(apptainer === undefined || gpg === undefined)("signatures beside GnuPG", () => {
  it("reads Sifon's clear-signed text", async () => {
    const bytes = readFileSync(at("ours0.sif"));
    const { objects } = await readSif(bytesAccess(bytes));
    const { offset, size } = objects[3] as (typeof objects)[number];
    writeFileSync(at("block.asc"), bytes.subarray(offset, offset + size));
    const gnupgHome = at("gpg-verify");
    mkdirSync(gnupgHome, { mode: 0o700 });
    const options = { cwd: folder, env: { GNUPGHOME: gnupgHome } };
    await mustRun("gpg", ["--batch", "--import", join(home.HOME, ".apptainer/keys/pgp-public")], options);
    const { stderr } = await mustRun("gpg", ["--batch", "--verify", "block.asc"], options);
    expect(stderr).toContain('Good signature from "Ours (c) <ours@example.org>"');
  });

  it.each([
    ["ed25519", "SHA512"],
    ["rsa2048", "SHA256"],
    ["rsa2048", "SHA512"],
    ["nistp256", "SHA384"],
  ])("makes texts that Sifon verifies as Apptainer does: %s, %s", async (algorithm, hash) => {
    const name = `${algorithm}-${hash}`;
    const gnupgHome = at(`gpg-${name}`);
    mkdirSync(gnupgHome, { mode: 0o700 });
    const options = { cwd: folder, env: { GNUPGHOME: gnupgHome } };
    const batch = ["--batch", "--pinentry-mode", "loopback", "--passphrase", ""];
    const userId = `${name} <${name.toLowerCase()}@example.org>`;
    await mustRun("gpg", [...batch, "--quick-gen-key", userId, algorithm, "sign", "never"], options);
    const listed = await mustRun("gpg", ["--batch", "--with-colons", "--list-keys"], options);
    const fingerprint = /^fpr:+([0-9A-F]{40})/m.exec(listed.stdout)?.[1] as string;
    await mustRun("gpg", ["--batch", "--output", `${name}.pub`, "--export"], options);
    await mustRun("gpg", [...batch, "--output", `${name}.sec`, "--export-secret-keys"], options);
    // The message of a file that Sifon signed, signed again by GnuPG.
    const signed = readFileSync(at("ours0.sif"));
    const text = parseClearText(signed.subarray(36_864))?.text as string;
    writeFileSync(at("message"), text);
    await mustRun(
      "gpg",
      [...batch, "--yes", "--digest-algo", hash, "--output", "clear.asc", "--clearsign", "message"],
      options,
    );
    const file = await newSif(`${name}.sif`);
    await addObject(
      at(file),
      {
        dataType: DataType.signature,
        link: { kind: "group", group: 1 },
        extra: { kind: "signature", hashType: HashType.sha256, entity: Buffer.from(fingerprint, "hex") },
      },
      readFileSync(at("clear.asc")),
      { timeSec: 1_700_000_000 },
    );
    await expectSame(255, "verify", "-l", file);
    expect((await ours("key", "import", `${name}.pub`)).code).toBe(0);
    await expectSame(0, "verify", "-l", file);
    await expectSame(0, "key", "list");
    // The private half is kept, though the public one is there already.
    expect((await ours("key", "import", `${name}.sec`)).code).toBe(2);
    const last = [...(await theirs("key", "list", "--secret")).stdout.matchAll(/^(\d+)\)/gm)].at(-1)?.[1] as string;
    expect((await ours("sign", "-k", last, file)).code).toBe(0);
    await expectSame(0, "verify", "-l", file);
  });
});

const sshKeygen = requireTool("ssh-keygen", "openssh-client");
it.skipIf(sshKeygen === undefined)("sshFingerprint() is what ssh-keygen prints", async () => {
  const work = mkdtempSync(join(tmpdir(), "sifon-ssh-"));
  try {
    for (const [type, bits] of [
      ["ed25519", "256"],
      ["rsa", "2048"],
      ["ecdsa", "256"],
      ["ecdsa", "384"],
      ["ecdsa", "521"],
    ] as const) {
      const path = join(work, `${type}${bits}`);
      await mustRun("ssh-keygen", ["-q", "-t", type, "-b", bits, "-N", "", "-C", "x", "-f", path]);
      const { stdout } = await mustRun("ssh-keygen", ["-l", "-f", path]);
      // PKCS #8 for what it can export; Ed25519 is taken from the public line's last 32 bytes.
      const blob = Buffer.from(readFileSync(`${path}.pub`, "utf8").split(" ")[1] as string, "base64");
      const key =
        type === "ed25519"
          ? createPublicKey({
              key: { kty: "OKP", crv: "Ed25519", x: blob.subarray(-32).toString("base64url") },
              format: "jwk",
            })
          : createPublicKey((await mustRun("ssh-keygen", ["-e", "-m", "PKCS8", "-f", path])).stdout);
      expect(stdout.split(" ")[1]).toBe(sshFingerprint(key));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
