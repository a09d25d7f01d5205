import { createPrivateKey, createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readCertificates, trustedKey } from "../../src/sign/certificate/certificate.ts";
import { readExtensions } from "../../src/sign/certificate/der-extensions.ts";
import { golden } from "./signed-file.ts";

const load = (...names: readonly string[]) =>
  names.flatMap((name) => readCertificates(golden(`certificates/${name}.pem`).toString()));
const NOW = new Date("2028-01-01T00:00:00Z");

function check(name: string, between: readonly string[], { now = NOW, roots = ["root"] } = {}) {
  const [certificate] = load(name) as [ReturnType<typeof load>[number]];
  return trustedKey(certificate, { intermediates: load(...between), roots: load(...roots), now });
}

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

describe("trustedKey()", () => {
  it("gives the key of a certificate that leads to a root", () => {
    const key = createPublicKey(createPrivateKey(golden("certificates/signer.key").toString()));
    expect(check("signer", ["intermediate"]).equals(key)).toBe(true);
    // What the chain does not need does not matter.
    expect(check("signer", ["server", "short-path", "intermediate", "root"]).equals(key)).toBe(true);
  });

  it.each<[string, readonly string[]]>([
    ["any-usage", []],
    ["below-short-path", ["short-path"]],
  ])("accepts %s below %j", (name, between) => {
    // A pathlen of 0 allows no issuer below: this one is used as a signer's own certificate.
    expect(check(name, between).type).toBe("public");
  });

  it("accepts a certificate that is trusted itself", () => {
    expect(check("signer", [], { roots: ["signer"] }).type).toBe("public");
  });

  it.each<[string, string, readonly string[], string]>([
    ["an unknown issuer", "signer", [], "CERTIFICATE_UNTRUSTED"],
    ["another usage", "server", ["intermediate"], "CERTIFICATE_USAGE"],
    ["an issuer of another usage", "below-server-issuer", ["server-issuer"], "CERTIFICATE_USAGE"],
    ["an issuer that is none", "below-not-an-issuer", ["not-an-issuer"], "CERTIFICATE_UNTRUSTED"],
    ["a chain longer than allowed", "too-deep", ["below-short-path", "short-path"], "CERTIFICATE_PATH_LENGTH"],
    ["an issuer that may not sign certificates", "below-no-cert-sign", ["no-cert-sign"], "CERTIFICATE_UNTRUSTED"],
    [
      "names that are constrained by directory",
      "below-only-directories",
      ["only-directories"],
      "CERTIFICATE_EXTENSION",
    ],
    ["an unknown critical extension", "constrained", [], "CERTIFICATE_EXTENSION"],
    ["a time gone by", "brief", [], "CERTIFICATE_EXPIRED"],
  ])("refuses %s", (_, name, between, code) => {
    expect(() => check(name, between)).toThrow(expect.objectContaining({ code }));
  });

  const none = "is not permitted by any constraint";
  const unfit = "cannot be matched against constraints";
  // What Apptainer 1.4.5 says of each.
  it.each<[string, string | undefined]>([
    ["only-email_a_example.org", undefined],
    ["only-email_a_evil.com", `email address "a@evil.com" ${none}`],
    ["only-email_b_EVIL.com", `email address "b@evil.com" ${none}`],
    ["only-DNS_www.Example.org", undefined],
    ["only-DNS_a.evil.com", `DNS name "a.evil.com" ${none}`],
    ["only-URI_https___a.example.org_8_x", undefined],
    ["only-URI_https___example.org_", `URI "https://example.org/" ${none}`],
    ["only-URI_https___10.0.0.1_", `URI with IP ("https://10.0.0.1/") ${unfit}`],
    ["only-URI_urn_x", `URI with empty host ("urn:x") ${unfit}`],
    ["only-IP_10.1.2.3", undefined],
    ["only-IP_11.1.2.3", `IP address "11.1.2.3" ${none}`],
    ["only-IP_fd00__1", `IP address "fd00::1" ${none}`],
    ["no-name", undefined],
    ["not-DNS_a.evil.com", 'DNS name "a.evil.com" is excluded by constraint "evil.com"'],
    ["not-DNS_evil.com.org", undefined],
    ["not-IP_fd00__1", 'IP address "fd00::1" is excluded by constraint "fd00::/16"'],
    ["not-IP_10.1.2.3", undefined],
    ["not-email_a_evil.com", undefined],
    ["not-email_b_EVIL.com", 'email address "b@evil.com" is excluded by constraint "b@evil.com"'],
    ["not-URI_https___example.org_", undefined],
    ["not-URI_https___10.0.0.1_", `URI with IP ("https://10.0.0.1/") ${unfit}`],
  ])("holds the names of %s against its issuer's constraints", (name, reason) => {
    const between = [name.startsWith("not-") ? "not-names" : "only-names"];
    if (reason === undefined) {
      expect(check(name, between).type).toBe("public");
      return;
    }
    expect(() => check(name, between)).toThrow(
      new RegExp(
        `^${escapeRegExp(`x509: a root or intermediate certificate is not authorized to sign for this name: ${reason}`)}$`,
      ),
    );
  });

  it("names the issuer that it could not be", () => {
    expect(() => check("below-no-cert-sign", ["no-cert-sign"])).toThrow(
      'x509: certificate signed by unknown authority (possibly because of "x509: invalid signature: parent certificate cannot sign this kind of certificate" while trying to verify candidate authority certificate "no-cert-sign")',
    );
  });

  it("gives up on issuers without an end", () => {
    const intermediates = Array<string>(200).fill("intermediate");
    expect(() => check("signer", intermediates, { roots: ["server"] })).toThrow(
      expect.objectContaining({ code: "CERTIFICATE_CHAINS" }),
    );
  });

  it("takes the chain that it found before it gave up", () => {
    expect(check("signer", Array<string>(200).fill("intermediate")).type).toBe("public");
  });

  it("refuses certificates before and after their time, and those of expired issuers", () => {
    const at = (date: string) => () => check("signer", ["intermediate"], { now: new Date(date) });
    expect(at("2019-01-01T00:00:00Z")).toThrow(
      /^x509: certificate has expired or is not yet valid: current time 2019-01-01T00:00:00Z is before 2020-01-01T00:00:00Z$/,
    );
    expect(at("2090-01-01T00:00:00Z")).toThrow(/current time 2090-01-01T00:00:00Z is after 2049-01-01T00:00:00Z$/);
  });
});

it.each(["", "junk", "-----BEGIN PUBLIC KEY-----"])("readCertificates() refuses %j", (text) =>
  expect(() => readCertificates(text)).toThrow("failed to decode PEM"),
);

it("readCertificates() refuses a block that holds no certificate", () => {
  const text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  expect(() => readCertificates(text)).toThrow(expect.objectContaining({ code: "CERTIFICATE_INVALID" }));
});

it("readExtensions() ends with a RangeError on every truncation", () => {
  const [certificate] = load("signer");
  const der = certificate?.raw ?? Buffer.alloc(0);
  expect(readExtensions(der).map(({ oid, critical }) => [oid, critical])).toEqual(
    expect.arrayContaining([
      ["2.5.29.19", false],
      ["2.5.29.15", true],
      ["2.5.29.37", false],
    ]),
  );
  for (let size = 0; size < der.length; size++) expect(() => readExtensions(der.subarray(0, size))).toThrow(RangeError);
});
