import { isIPv4, isIPv6 } from "node:net";
import { elements } from "./der-extensions.ts";

/** Kinds of names that constraints are applied to, as Go's messages call them (RFC 5280 §4.2.1.6: GeneralName). */
export const NameKind = {
  email: "email address",
  dns: "DNS name",
  uri: "URI",
  ip: "IP address",
} as const;
export type NameKind = (typeof NameKind)[keyof typeof NameKind];

/** Context-specific tags of GeneralName. */
const KIND_OF_TAG: Readonly<Record<number, NameKind>> = {
  129: NameKind.email,
  130: NameKind.dns,
  134: NameKind.uri,
  135: NameKind.ip,
};

/** A name, or what constrains names: text, or bytes of an address, of a network with its mask behind. */
export interface GeneralName {
  readonly kind: NameKind;
  readonly bytes: Uint8Array;
}

/** What a CA's names must be in and must not be in. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
  /** True where there are others beside those kinds, which nobody here applies. */
  readonly hasUnknown: boolean;
}

/** The names of a subject-alternative-name extension, those of other kinds left out. */
export function readAlternativeNames(value: Uint8Array): readonly GeneralName[] {
  const [list] = elements(value);
  return elements(list?.content ?? new Uint8Array(0)).flatMap(nameOf);
}

/** What an issuer's name-constraints extension says (RFC 5280 §4.2.1.10). */
export function readNameConstraints(value: Uint8Array): NameConstraints {
  const [whole] = elements(value);
  const parts = elements(whole?.content ?? new Uint8Array(0));
  let hasUnknown = false;
  const subtrees = (tag: number): readonly GeneralName[] => {
    const list = parts.find((part) => part.tag === tag);
    return elements(list?.content ?? new Uint8Array(0)).flatMap(({ content }) => {
      const [base] = elements(content);
      const found = base === undefined ? [] : nameOf(base);
      if (found.length === 0) hasUnknown = true;
      return found;
    });
  };
  // permittedSubtrees [0], excludedSubtrees [1].
  const [permitted, excluded] = [subtrees(0xa0), subtrees(0xa1)];
  return { permitted, excluded, hasUnknown };
}

function nameOf({ tag, content }: { readonly tag: number; readonly content: Uint8Array }): readonly GeneralName[] {
  const kind = KIND_OF_TAG[tag];
  return kind === undefined ? [] : [{ kind, bytes: content }];
}

/** As Go prints it: an address, a network with the length of its mask, or the text, a mailbox's domain in small letters. */
export function showName({ kind, bytes }: GeneralName): string {
  const text = Buffer.from(bytes).toString("latin1");
  if (kind === NameKind.email) return text.replace(/@[^@]*$/, (domain) => domain.toLowerCase());
  if (kind !== NameKind.ip) return text;
  const size = bytes.length > 16 ? 16 : bytes.length > 4 && bytes.length < 16 ? 4 : bytes.length;
  const address = showAddress(bytes.subarray(0, size));
  if (bytes.length === size) return address;
  const mask = Array.from(bytes.subarray(size), (byte) => byte.toString(2).padStart(8, "0")).join("");
  return `${address}/${mask.replace(/0+$/, "").length}`;
}

function showAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: bytes.length / 2 }, (_, i) =>
    (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16),
  );
  // WHATWG's URL has RFC 5952's short form.
  return bytes.length === 16 ? new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1) : groups.join(":");
}

/**
 * @throws RangeError where a name cannot be held against any constraint, with what Go says of it
 */
export function checkName(name: GeneralName): void {
  if (name.kind === NameKind.uri) hostOf(showName(name));
}

/**
 * Whether a name is in what a constraint names, as Go's crypto/x509 sees it.
 * @throws RangeError where the name cannot be held against constraints, with what Go says of it
 */
export function isWithin(name: GeneralName, constraint: GeneralName): boolean {
  const [text, limit] = [showName(name), Buffer.from(constraint.bytes).toString("latin1")];
  switch (name.kind) {
    case NameKind.email:
      return mailboxIsWithin(text, limit);
    case NameKind.dns:
      return domainIsWithin(text, limit);
    case NameKind.uri:
      return domainIsWithin(hostOf(text), limit);
    case NameKind.ip:
      return addressIsWithin(name.bytes, constraint.bytes);
  }
}

function mailboxIsWithin(mailbox: string, constraint: string): boolean {
  const at = mailbox.lastIndexOf("@");
  if (at <= 0 || at === mailbox.length - 1) throw new RangeError(`cannot parse rfc822Name ${JSON.stringify(mailbox)}`);
  const [local, domain] = [mailbox.slice(0, at), mailbox.slice(at + 1)];
  const limit = constraint.lastIndexOf("@");
  if (limit < 0) return domainIsWithin(domain, constraint);
  return local === constraint.slice(0, limit) && sameText(domain, constraint.slice(limit + 1));
}

function domainIsWithin(domain: string, constraint: string): boolean {
  if (constraint === "") return true;
  const below = constraint.startsWith(".");
  const labels = labelsOf(domain);
  const limit = labelsOf(below ? constraint.slice(1) : constraint);
  if (labels.length < limit.length || (below && labels.length === limit.length)) return false;
  return limit.every((label, i) => sameText(label, labels[i] as string));
}

/** From the last one on. */
function labelsOf(domain: string): readonly string[] {
  const labels = domain.split(".").reverse();
  if (labels.some((label) => !/^[!-~]+$/.test(label)))
    throw new RangeError(`cannot parse dnsName ${JSON.stringify(domain)}`);
  return labels;
}

function hostOf(uri: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(uri)?.[1] ?? "";
  if (authority === "")
    throw new RangeError(`URI with empty host (${JSON.stringify(uri)}) cannot be matched against constraints`);
  const host = authority.endsWith("]") ? authority : authority.replace(/:[^:]*$/, "");
  if (host.startsWith("[") || isIPv4(host) || isIPv6(host)) {
    throw new RangeError(`URI with IP (${JSON.stringify(uri)}) cannot be matched against constraints`);
  }
  return host;
}

function addressIsWithin(address: Uint8Array, network: Uint8Array): boolean {
  const size = address.length;
  if (network.length !== 2 * size) return false;
  return address.every((byte, i) => {
    const mask = network[size + i] as number;
    return (byte & mask) === ((network[i] as number) & mask);
  });
}

const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
