import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSigningPlace, newKey } from "./signing.ts";

const FINGERPRINT = /[0-9A-F]{40}/;
const DONE = "Generating Entity and OpenPGP Key Pair... done\n";

describe.concurrent("sifon key", () => {
  it("makes, lists, exports, removes and imports a pair", async (context) => {
    const place = await createSigningPlace(context);
    expect(await newKey(place, "Ann")).toMatchObject({ code: 0, stdout: DONE, stderr: "" });
    for (const name of ["pgp-public", "pgp-secret"]) {
      expect((await stat(join(place.keys, name))).mode & 0o777).toBe(0o600);
    }
    const entry =
      /^\n0\) {2}User: {14}Ann \(\) <ann@example\.org>\n {4}Creation time: {5}20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC\n {4}Fingerprint: {7}[0-9A-F]{40}\n {4}Length \(in bits\): {2}2048\n\n$/;
    for (const [args, kind, file] of [
      [[], "Public", "pgp-public"],
      [["--secret"], "Private", "pgp-secret"],
    ] as const) {
      const { stdout } = await place.run(["key", "list", ...args]);
      const [title, ...rest] = stdout.split("\n");
      expect(title).toBe(`${kind} key listing (${join(place.keys, file)}):`);
      expect(rest.join("\n")).toMatch(entry);
    }
    const { stdout: listed } = await place.run(["key", "list"]);
    const fingerprint = FINGERPRINT.exec(listed)?.[0] as string;
    for (const [args, kind, file] of [
      [["--armor"], "Public", "a.asc"],
      [["--secret"], "Private", "s.bin"],
    ] as const) {
      const exported = await place.run(["key", "export", ...args, file]);
      expect(exported).toMatchObject({
        code: 0,
        stdout: `${kind} key with fingerprint ${fingerprint} correctly exported to file: ${file}\n`,
      });
    }
    expect(await readFile(join(place.folder, "a.asc"), "utf8")).toMatch(
      /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n[\s\S]+-----END PGP PUBLIC KEY BLOCK-----\n$/,
    );
    expect((await stat(join(place.folder, "s.bin"))).mode & 0o777).toBe(0o600);
    expect(await place.run(["key", "remove", "--both", fingerprint])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect((await place.run(["key", "list"])).stdout).not.toMatch(FINGERPRINT);
    const added = (ring: string) => `Key with fingerprint ${fingerprint} successfully added to the ${ring} keyring\n`;
    expect((await place.run(["key", "import", "a.asc"])).stdout).toBe(added("public"));
    expect((await place.run(["key", "import", "s.bin"])).stdout).toBe(added("private"));
    const again = await place.run(["key", "import", "a.asc"]);
    expect(again.stderr).toBe(
      `ERROR:   key import command failed: the key with fingerprint ${fingerprint} already belongs to the keyring\n`,
    );
    expect(again.code).toBe(2);
    // The private half is kept, though the public one was there already.
    await place.run(["key", "remove", "--secret", fingerprint]);
    const half = await place.run(["key", "import", "s.bin"]);
    expect(half).toMatchObject({ code: 2, stdout: added("private"), stderr: again.stderr });
    expect((await place.run(["key", "list", "--secret"])).stdout).toContain(fingerprint);
    expect((await readdir(place.keys)).sort()).toEqual(["pgp-public", "pgp-secret"]);
  });

  it.for(["", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"])(
    "imports nothing of a file without keys: %j",
    async (text, context) => {
      const place = await createSigningPlace(context);
      await writeFile(join(place.folder, "none.asc"), text);
      const stderr = "WARNING: none.asc holds no key\n";
      expect(await place.run(["key", "import", "none.asc"])).toMatchObject({ code: 0, stdout: "", stderr });
      expect(await readdir(place.home)).toEqual([]);
    },
  );

  it("asks for what was not given; a passphrase twice, until both are the same", async (context) => {
    const place = await createSigningPlace(context);
    const stdin = "Bob\nbob@example.org\nwork\none\ntwo\nsecret\nsecret\n";
    const made = await place.run(["key", "newpair", "-b", "2048"], { stdin });
    expect(made.stderr).toContain("Enter your name (e.g., John Doe) : ");
    expect(made.stderr).toContain("WARNING: passphrases do not match\n");
    expect(made).toMatchObject({ code: 0, stdout: DONE });
    expect((await place.run(["key", "list"])).stdout).toContain("Bob (work) <bob@example.org>");
    const wrong = await place.run(["key", "export", "--secret", "s"], { stdin: "wrong\n" });
    expect(wrong.stderr).toMatch(/ERROR: {3}key export command failed: the passphrase does not open the key\n$/);
    expect((await place.run(["key", "export", "--secret", "s"], { stdin: "secret\n" })).code).toBe(0);
    const [first] = (await place.run(["key", "list"])).stdout.match(FINGERPRINT) ?? [];
    await place.run(["key", "remove", "--both", first as string]);
    const renewed = await place.run(["key", "import", "--new-password", "s"], { stdin: "secret\nnew\nnew\n" });
    expect(renewed).toMatchObject({ code: 0 });
    expect((await place.run(["key", "export", "--secret", "t"], { stdin: "new\n" })).code).toBe(0);
  });

  it("lets one of several be chosen by number", async (context) => {
    const place = await createSigningPlace(context);
    await newKey(place, "Ann");
    await newKey(place, "Bob");
    const list = (await place.run(["key", "list"])).stdout;
    const [, bob] = [...list.matchAll(new RegExp(FINGERPRINT, "g"))].map(([found]) => found);
    const chosen = await place.run(["key", "export", "b"], { stdin: "1\n" });
    expect(chosen.stderr).toMatch(
      /0\) {2}User: {14}Ann[\s\S]*1\) {2}User: {14}Bob[\s\S]*Enter # of public key to use : $/,
    );
    expect(chosen.stdout).toContain(bob);
    for (const stdin of ["2\n", "x\n", "-1\n", "\n"]) {
      const refused = await place.run(["key", "export", "b"], { stdin });
      expect(refused.stderr).toMatch(/ERROR: {3}key export command failed: invalid choice\n$/);
    }
  });

  it.for<[readonly string[], Record<string, string>]>([
    [["--keysdir", "elsewhere"], {}],
    [[], { SIFON_KEYSDIR: "elsewhere" }],
    [[], { APPTAINER_KEYSDIR: "elsewhere" }],
    [[], { SINGULARITY_SYPGPDIR: "elsewhere" }],
  ])("keeps keyrings where %j and %j say", async ([args, env], context) => {
    const place = await createSigningPlace(context);
    const { stdout } = await place.run(["key", "list", ...args], { env });
    expect(stdout).toBe("Public key listing (elsewhere/pgp-public):\n\n");
  });

  // The exit codes are Apptainer 1.4.5's, and so is ERROR where they are not 255.
  it.for<[readonly string[], string, number?]>([
    [["remove", "xyz"], "Unable to remove public key: no key matching given fingerprint found"],
    [["remove", "-s", "xyz"], "Unable to remove private key: no key matching given fingerprint found"],
    [["export", "x"], "key export command failed: keyring is empty", 10],
    [["export", "--secret", "x"], "key export command failed: keyring is empty", 10],
    [
      ["import", "none"],
      "key import command failed: unable to get entity from: none: open none: no such file or directory",
      2,
    ],
    [
      ["import", "junk"],
      "key import command failed: unable to get entity from: junk: openpgp: invalid argument: no armored data found",
      2,
    ],
    [
      ["import", "/dev/zero"],
      'key import command failed: unable to get entity from: /dev/zero: Cannot read "/dev/zero": it has more than 33554432 bytes. Name the file that is meant.',
      2,
    ],
    [
      ["push", "AB"],
      'push failed: Sifon asks no key server. Exchange keys as files: "sifon key export --armor FILE", "sifon key import FILE"',
    ],
    [["newpair", "--push"], "Sifon asks no key server: leave out --push"],
  ])("%j ends with its reason", async ([args, reason, code = 255], context) => {
    const place = await createSigningPlace(context);
    await writeFile(join(place.folder, "junk"), "junk\n");
    const stderr = `${code === 255 ? "FATAL" : "ERROR"}:   ${reason}\n`;
    expect(await place.run(["key", ...args])).toMatchObject({ code, stdout: "", stderr });
  });

  it.for<[readonly string[], string]>([
    [["frob"], 'Error for command "key": unknown command "frob" for "sifon key"'],
    [["remove"], 'Error for command "remove": accepts 1 arg(s), received 0'],
    [["list", "x"], 'Error for command "list": accepts 0 arg(s), received 1'],
    [
      ["newpair", "-b", "1024"],
      'Error for command "newpair": invalid value "1024" of --bit-length: expected 2048 to 16384',
    ],
    [["export", "--nope", "x"], 'Error for command "export": unknown flag: --nope'],
  ])("%j is a wrong call", async ([args, line], context) => {
    const { code, stderr } = await (await createSigningPlace(context)).run(["key", ...args]);
    expect(stderr.split("\n")[0]).toBe(line);
    expect(code).toBe(1);
  });
});
