import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openEnvelope, pemSigner } from "../../src/sign/dsse/dsse.ts";
import { decodeBase64, type Envelope, parseEnvelope, preAuthEncoding } from "../../src/sign/dsse/envelope.ts";
import { isEncryptedPem, readPrivatePem, readPublicPem } from "../../src/sign/dsse/pem-key.ts";
import { sshFingerprint } from "../../src/sign/dsse/ssh-fingerprint.ts";
import { ED25519, ED25519_PEM, ED25519_PUBLIC } from "./signed-file.ts";

const KEYS: readonly (readonly [string, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }])[] = [
  ["Ed25519", generateKeyPairSync("ed25519")],
  ["ECDSA P-256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["ECDSA P-384", generateKeyPairSync("ec", { namedCurve: "P-384" })],
  ["ECDSA P-521", generateKeyPairSync("ec", { namedCurve: "P-521" })],
  ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 })],
];
const MESSAGE = '{"version":1}';

async function sealed(key: KeyObject): Promise<Envelope> {
  const envelope = parseEnvelope(await pemSigner(key).sign(MESSAGE));
  if (envelope === undefined) throw new Error("no envelope");
  return envelope;
}

describe.each(KEYS)("%s", (_, { privateKey, publicKey }) => {
  it("openEnvelope() opens what pemSigner() sealed, and only that", async () => {
    const envelope = await sealed(privateKey);
    expect(openEnvelope(envelope, publicKey)).toEqual({ valid: true, message: Buffer.from(MESSAGE) });
    const other = { ...envelope, payload: Buffer.from('{"version":2}').toString("base64") };
    expect(openEnvelope(other, publicKey).valid).toBe(false);
    expect(openEnvelope(envelope, ED25519_PUBLIC).valid).toBe(false);
  });

  it("readPrivatePem() reads it as PKCS #8, encrypted too", () => {
    const plain = privateKey.export({ format: "pem", type: "pkcs8" }) as string;
    expect(readPrivatePem(plain).equals(privateKey)).toBe(true);
    const secret = { cipher: "aes-256-cbc", passphrase: "open sesame" };
    const encrypted = privateKey.export({ format: "pem", type: "pkcs8", ...secret }) as string;
    expect([isEncryptedPem(plain), isEncryptedPem(encrypted)]).toEqual([false, true]);
    expect(readPrivatePem(encrypted, secret.passphrase).equals(privateKey)).toBe(true);
    expect(() => readPrivatePem(encrypted)).toThrow(expect.objectContaining({ code: "PASSPHRASE_NEEDED" }));
    expect(() => readPrivatePem(encrypted, "no")).toThrow(expect.objectContaining({ code: "PASSPHRASE_WRONG" }));
  });

  it("readPublicPem() reads its public half", () => {
    const pem = publicKey.export({ format: "pem", type: "spki" }) as string;
    expect(readPublicPem(pem).equals(createPublicKey(privateKey))).toBe(true);
  });
});

describe("readPrivatePem() and readPublicPem()", () => {
  it("read the older forms", () => {
    const { privateKey: ec } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(readPrivatePem(ec.export({ format: "pem", type: "sec1" }) as string).equals(ec)).toBe(true);
    const rsa = KEYS[4]?.[1] as (typeof KEYS)[number][1];
    const pkcs1 = { format: "pem", type: "pkcs1" } as const;
    expect(readPrivatePem(rsa.privateKey.export(pkcs1) as string).equals(rsa.privateKey)).toBe(true);
    expect(readPublicPem(rsa.publicKey.export(pkcs1) as string).equals(rsa.publicKey)).toBe(true);
    const locked = rsa.privateKey.export({ ...pkcs1, cipher: "aes-128-cbc", passphrase: "p" }) as string;
    expect(isEncryptedPem(locked)).toBe(true);
    expect(readPrivatePem(locked, "p").equals(rsa.privateKey)).toBe(true);
  });

  const publicPem = ED25519_PUBLIC.export({ format: "pem", type: "spki" }) as string;
  it.each([
    [() => readPrivatePem("junk"), "PEM_INVALID", "PEM decoding failed"],
    [() => readPublicPem(""), "PEM_INVALID", "PEM decoding failed"],
    [() => readPrivatePem(publicPem), "PEM_TYPE_UNKNOWN", "unknown private key PEM file type: PUBLIC KEY"],
    [
      () => readPublicPem(ED25519_PEM),
      "PEM_TYPE_UNKNOWN",
      "unknown Public key PEM file type: PRIVATE KEY. Are you passing the correct public key?",
    ],
    [() => readPrivatePem(ED25519_PEM.replace("MC4C", "AAAA")), "PEM_INVALID", "PEM decoding failed"],
  ])("refuse %s", (read, code, message) => {
    expect(read).toThrow(expect.objectContaining({ code, message }));
  });

  it.each([
    ["x25519", () => generateKeyPairSync("x25519").privateKey],
    ["ed448", () => generateKeyPairSync("ed448").privateKey],
    ["secp256k1", () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey],
    ["brainpoolP256r1", () => generateKeyPairSync("ec", { namedCurve: "brainpoolP256r1" }).privateKey],
  ])("refuse %s", (name, make) => {
    const pem = make().export({ format: "pem", type: "pkcs8" }) as string;
    expect(() => readPrivatePem(pem)).toThrow(expect.objectContaining({ code: "KEY_UNSUPPORTED" }));
    expect(() => readPrivatePem(pem)).toThrow(name);
  });
});

describe("openEnvelope()", () => {
  const failure = (reason: string) => ({ valid: false, reason: `dsse: verify envelope failed: ${reason}` });
  const none = failure("accepted signatures do not match threshold, Found: 0, Expected 1");
  const undecodable = failure("unable to base64 decode payload (is payload in the right format?)");

  it("passes over other keys' signatures and needs no key ID", async () => {
    const envelope = await sealed(ED25519);
    const [own] = envelope.signatures as [Envelope["signatures"][number]];
    const open = (...signatures: Envelope["signatures"]) => openEnvelope({ ...envelope, signatures }, ED25519_PUBLIC);
    expect(open({ ...own, keyid: "" }).valid).toBe(true);
    expect(open({ keyid: "", sig: "AAAA" }, own).valid).toBe(true);
    expect(open({ ...own, keyid: "SHA256:other" })).toEqual(none);
    expect(open()).toEqual(failure("no signature found"));
    expect(open({ ...own, sig: "%%" })).toEqual(undecodable);
    expect(openEnvelope({ ...envelope, payload: "%%" }, ED25519_PUBLIC)).toEqual(undecodable);
  });

  it.each([
    ["", ""],
    ["AA==", "00"],
    ["AAA=", "0000"],
    ["_-8=", "ffef"],
    ["/+8=", "ffef"],
  ])("decodeBase64() reads %j", (text, hex) => expect(decodeBase64(text)?.toString("hex")).toBe(hex));
  it.each(["A", "AA", "AAA", "A===", "AA==AA==", "AA\n==", "/-8="])("decodeBase64() refuses %j", (text) =>
    expect(decodeBase64(text)).toBeUndefined(),
  );
});

it.each(["", "{", "null", "[]", "3", '{"payloadType":"x","payload":""}', '{"payload":""}'])(
  "parseEnvelope() sees none in %j",
  (text) => expect(parseEnvelope(Buffer.from(text))).toBeUndefined(),
);

it("preAuthEncoding() counts bytes, not characters", () => {
  expect(preAuthEncoding(Buffer.from("é")).toString()).toBe("DSSEv1 40 application/vnd.sylabs.sif-metadata+json 2 é");
});

it("sshFingerprint() is what ssh-keygen prints", () => {
  expect(sshFingerprint(ED25519_PUBLIC)).toBe("SHA256:lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg");
});
