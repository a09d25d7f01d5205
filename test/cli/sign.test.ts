import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ED25519_PEM, golden } from "../sign/signed-file.ts";
import { createSigningPlace, newKey, type SigningPlace } from "./signing.ts";

const OBJECTS =
  "Objects verified:\nID  |GROUP   |LINK    |TYPE\n------------------------------------------------\n1   |1       |NONE    |Def.FILE\n2   |1       |NONE    |JSON.Generic\n3   |1       |NONE    |FS\n";

async function putPem(place: SigningPlace): Promise<void> {
  await writeFile(join(place.folder, "k.pem"), ED25519_PEM);
  const pub = createPublicKey(ED25519_PEM).export({ format: "pem", type: "spki" });
  await writeFile(join(place.folder, "k.pub"), pub);
}

describe.concurrent("sifon sign and sifon verify", () => {
  it("with OpenPGP", async (context) => {
    const place = await createSigningPlace(context);
    await newKey(place, "Ann");
    expect(await place.run(["sign", "x.sif"])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "INFO:    Signing image with PGP key material\nINFO:    Signature created and applied to image 'x.sif'\n",
    });
    const fingerprint = /[0-9A-F]{40}/.exec((await place.run(["key", "list"])).stdout)?.[0] as string;
    const origin = "[LOCAL]            ";
    const verified = `${origin}Signing entity: Ann <ann@example.org>\n${origin}Fingerprint: ${fingerprint}\n${OBJECTS}`;
    expect(await place.run(["verify", "x.sif"])).toMatchObject({
      code: 0,
      stdout: verified,
      stderr: "INFO:    Verifying image with PGP key material\nINFO:    Verified signature(s) from image 'x.sif'\n",
    });
    const json = await place.run(["verify", "--json", "--sif-id", "1", "x.sif"]);
    expect(json.stdout).toBe(
      `{\n  "Signatures": 1,\n  "SignerKeys": [\n    {\n      "Signer": {\n        "Partition": "Def.FILE",\n        "Name": "Ann \\u003cann@example.org\\u003e",\n        "Fingerprint": "${fingerprint.toLowerCase()}",\n        "KeyLocal": true,\n        "KeyCheck": true,\n        "DataCheck": true\n      }\n    }\n  ]\n}\n`,
    );
    await place.run(["key", "remove", fingerprint]);
    const reason = "signature object 4 not valid: openpgp: signature made by unknown entity";
    expect(await place.run(["verify", "-l", "x.sif"])).toMatchObject({
      code: 255,
      stdout: `\nError encountered during signature verification: ${reason}\n`,
      stderr: `INFO:    Verifying image with PGP key material\nFATAL:   Failed to verify container: integrity: ${reason}\n`,
    });
  });

  it("with a PEM key; SOURCE_DATE_EPOCH makes the same file of the same file", async (context) => {
    const place = await createSigningPlace(context);
    await putPem(place);
    await copyFile(join(place.folder, "x.sif"), join(place.folder, "y.sif"));
    const env = { SOURCE_DATE_EPOCH: "1700000000" };
    const signed = await place.run(["sign", "--key", "k.pem", "x.sif"], { env });
    expect(signed.stderr).toBe(
      "INFO:    Signing image with key material from 'k.pem'\nINFO:    Signature created and applied to image 'x.sif'\n",
    );
    await place.run(["sign", "y.sif"], { env: { ...env, SIFON_SIGN_KEY: "k.pem" } });
    const bytes = await readFile(join(place.folder, "x.sif"));
    expect(bytes.equals(await readFile(join(place.folder, "y.sif")))).toBe(true);
    expect(bytes.subarray(36_864).equals(golden("ed25519.dsse.json"))).toBe(true);
    const verified = await place.run(["verify", "x.sif"], { env: { APPTAINER_VERIFY_KEY: "k.pub" } });
    expect(verified).toMatchObject({
      code: 0,
      stdout: OBJECTS,
      stderr:
        "INFO:    Verifying image with key material from 'k.pub'\nINFO:    Verified signature(s) from image 'x.sif'\n",
    });
    const json = JSON.parse((await place.run(["verify", "-j", "--key", "k.pub", "x.sif"])).stdout);
    expect(json.SignerKeys[0].Signer).toMatchObject({ Name: "unknown", Fingerprint: "", KeyLocal: false });
  });

  it("with an encrypted PEM key, whose passphrase is asked for", async (context) => {
    const place = await createSigningPlace(context);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "open" });
    await writeFile(join(place.folder, "k.pem"), pem);
    const wrong = await place.run(["sign", "--key", "k.pem", "x.sif"], { stdin: "shut\n" });
    expect(wrong.stderr).toMatch(/FATAL: {3}Failed to load key material: the passphrase does not open the key\n$/);
    const { code, stderr } = await place.run(["sign", "--key", "k.pem", "x.sif"], { stdin: "open\n" });
    expect([code, stderr]).toEqual([0, expect.stringContaining("Enter key passphrase : ")]);
  });

  it("choose among several OpenPGP keys and ask for the passphrase", async (context) => {
    const place = await createSigningPlace(context);
    await newKey(place, "Ann");
    await newKey(place, "Bob", "secret");
    const asked = await place.run(["sign", "x.sif"], { stdin: "1\nsecret\n" });
    expect(asked.stderr).toMatch(
      /0\) U: Ann \(\) <ann@example\.org>\n {3}C: [\s\S]*\n {3}L: 2048\n {3}--------\n1\) U: Bob/,
    );
    expect(asked.code).toBe(0);
    expect((await place.run(["sign", "-k", "0", "x.sif"])).code).toBe(0);
    const { stdout } = await place.run(["verify", "x.sif"]);
    expect(stdout.match(/Signing entity: \w+/g)).toEqual(["Signing entity: Bob", "Signing entity: Ann"]);
    const wrong = await place.run(["sign", "--keyidx", "1", "x.sif"], { stdin: "no\n" });
    expect(wrong.stderr).toMatch(/FATAL: {3}Failed to sign container: the passphrase does not open the key\n$/);
  });

  it("with a certificate", async (context) => {
    const place = await createSigningPlace(context);
    for (const name of ["signer.key", "signer.pem", "intermediate.pem", "root.pem", "server.pem"]) {
      await writeFile(join(place.folder, name), golden(`certificates/${name}`));
    }
    await place.run(["sign", "--key", "signer.key", "x.sif"]);
    const roots = ["--certificate-roots", "root.pem"];
    const chain = ["--certificate", "signer.pem", "--certificate-intermediates", "intermediate.pem", ...roots];
    expect(await place.run(["verify", ...chain, "x.sif"])).toMatchObject({ code: 0, stdout: OBJECTS });
    const failure = async (args: readonly string[]) =>
      (await place.run(["verify", ...args, "x.sif"])).stderr.split("\n")[1];
    const untrusted = "FATAL:   Failed to verify container: x509: certificate signed by unknown authority";
    expect(await failure(["--certificate", "signer.pem", ...roots])).toBe(untrusted);
    expect(await failure(["--certificate", "signer.pem"])).toBe(untrusted);
    expect(await failure(["--certificate", "server.pem", ...chain.slice(2)])).toBe(
      "FATAL:   Failed to verify container: x509: certificate specifies an incompatible key usage",
    );
    expect(await failure([...chain, "--ocsp-verify"])).toMatch(/Failed to verify container: OCSP is not supported: /);
    expect(await failure(["--certificate", "x.sif"])).toBe("FATAL:   Failed to load certificate: failed to decode PEM");
  });

  const damage = "data object integrity compromised: 3";
  it("tell what was damaged, behind what holds", async (context) => {
    const place = await createSigningPlace(context);
    await putPem(place);
    await place.run(["sign", "--key", "k.pem", "x.sif"]);
    const path = join(place.folder, "x.sif");
    const bytes = await readFile(path);
    bytes.writeUInt8(1, 36_000);
    await writeFile(path, bytes);
    expect(await place.run(["verify", "--key", "k.pub", "x.sif"])).toMatchObject({
      code: 255,
      stdout: `${OBJECTS.replace(/3 {3}.*\n/, "")}\nError encountered during signature verification: ${damage}\n`,
      stderr: `INFO:    Verifying image with key material from 'k.pub'\nFATAL:   Failed to verify container: integrity: ${damage}\n`,
    });
    const { stdout } = await place.run(["verify", "-j", "--key", "k.pub", "x.sif"]);
    const keys: readonly { readonly Signer: { readonly Partition: string; readonly DataCheck: boolean } }[] =
      JSON.parse(stdout).SignerKeys;
    expect(keys.map(({ Signer }) => [Signer.Partition, Signer.DataCheck])).toEqual([
      ["Def.FILE", true],
      ["JSON.Generic", true],
      ["FS", false],
    ]);
  });

  const PGP = "INFO:    Signing image with PGP key material\n";
  const VERIFYING = "INFO:    Verifying image with PGP key material\n";
  it.for<[readonly string[], string, string?]>([
    [["sign", "x.sif"], `${PGP}FATAL:   Failed to sign container: keyring is empty\n`],
    [["sign", "-k", "0", "x.sif"], `${PGP}FATAL:   Failed to sign container: index out of range\n`],
    [
      ["sign", "--key", "none", "x.sif"],
      "INFO:    Signing image with key material from 'none'\nFATAL:   Failed to load key material: open none: no such file or directory\n",
    ],
    [
      ["sign", "--key", "k.pub", "x.sif"],
      "INFO:    Signing image with key material from 'k.pub'\nFATAL:   Failed to load key material: unknown private key PEM file type: PUBLIC KEY\n",
    ],
    [
      ["sign", "--key", "k.pem", "-g", "2", "x.sif"],
      "INFO:    Signing image with key material from 'k.pem'\nFATAL:   Failed to sign container: integrity: group not found\n",
    ],
    [
      ["verify", "x.sif"],
      `${VERIFYING}FATAL:   Failed to verify container: integrity: signature not found for object group 1\n`,
    ],
    [
      ["verify", "-j", "x.sif"],
      `${VERIFYING}FATAL:   Failed to verify container: integrity: signature not found for object group 1\n`,
      '{\n  "Signatures": 0,\n  "SignerKeys": null\n}\n',
    ],
    [["verify", "none"], `${VERIFYING}FATAL:   Failed to verify container: open none: no such file or directory\n`],
    [["verify", "-i", "9", "x.sif"], `${VERIFYING}FATAL:   Failed to verify container: integrity: object not found\n`],
    [
      ["verify", "--legacy-insecure", "x.sif"],
      `${VERIFYING}FATAL:   Failed to verify container: integrity: signature not found for object 3\n`,
    ],
    [
      ["verify", "--url", "https://keys.example.org", "x.sif"],
      `${VERIFYING}FATAL:   Failed to verify container: Sifon asks no key server. Import the signer's key ("sifon key import FILE") and leave out --url\n`,
    ],
  ])("%j fails clearly", async ([args, stderr, stdout = ""], context) => {
    const place = await createSigningPlace(context);
    await putPem(place);
    expect(await place.run(args)).toMatchObject({ code: 255, stdout, stderr });
  });

  it.for<[readonly string[], string]>([
    [["sign"], 'Error for command "sign": accepts 1 arg(s), received 0'],
    [["verify", "a", "b"], 'Error for command "verify": accepts 1 arg(s), received 2'],
    [
      ["sign", "-g", "x", "a"],
      'Error for command "sign": invalid value "x" of --group-id: expected a number from 0 to 4294967295',
    ],
    [
      ["verify", "-i", "-1", "a"],
      'Error for command "verify": invalid value "-1" of --sif-id: expected a number from 0 to 4294967295',
    ],
    [["sign", "-k", "x", "a"], 'Error for command "sign": invalid value "x" of --keyidx: expected a number'],
  ])("%j is a wrong call", async ([args, line], context) => {
    const { code, stderr } = await (await createSigningPlace(context)).run(args);
    expect(stderr.split("\n").find((text) => text.startsWith("Error"))).toBe(line);
    expect(code).toBe(1);
  });

  it("sifon verify --content reads the image whole", async (context) => {
    const { code, stdout } = await (await createSigningPlace(context)).run(["verify", "--content", "x.sif"]);
    expect(stdout).toMatch(/^x\.sif: whole, 36864 bytes, 3 object\(s\)\n/);
    expect(code).toBe(0);
  });
});
