import type { HeaderValue, Stage } from "./definition.ts";
import { type DefinitionProblem, quoted } from "./errors.ts";

/** What a stage is built upon. */
export type StageBase =
  /** An image source's URI. */
  | { readonly kind: "image"; readonly uri: string }
  /** A SIF, a SquashFS file or a sandbox on this machine; keys that must all have signed it. */
  | { readonly kind: "local"; readonly path: string; readonly fingerprints: readonly string[] }
  /** Nothing. */
  | { readonly kind: "scratch" };

const IMAGE_AGENTS: Readonly<Record<string, string>> = {
  docker: "docker://",
  "docker-daemon": "docker-daemon:",
  "docker-archive": "docker-archive:",
  oci: "oci:",
  "oci-archive": "oci-archive:",
};

/** The values of `Bootstrap` that can be built. */
const SUPPORTED = `${Object.keys(IMAGE_AGENTS).join(", ")}, localimage or scratch`;

/** Agents of Apptainer that there is no support for, and what serves in their place. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  library: "a SIF that was pulled, with localimage",
  shub: "a SIF that was pulled, with localimage",
  oras: "a SIF that was pulled, with localimage",
  busybox: "docker and From: busybox",
  arch: "docker and From: archlinux",
  debootstrap: "docker and From: debian or ubuntu",
  yum: "docker and From: rockylinux or the like",
  dnf: "docker and From: rockylinux or the like",
  zypper: "docker and From: opensuse/leap",
  buildkit: "docker, with an image that BuildKit has built",
};

/** What the header of a stage asks for; undefined where that cannot be, which is told. */
export function stageBase(
  { header }: Pick<Stage, "header">,
  line: number,
  onProblem: (problem: DefinitionProblem) => void,
): StageBase | undefined {
  const agent = header.get("bootstrap");
  if (agent === undefined) {
    onProblem({ line, seen: "no bootstrap specification found", expected: `Bootstrap: ${SUPPORTED}` });
    return undefined;
  }
  if (agent.value === "scratch") return { kind: "scratch" };
  const scheme = Object.hasOwn(IMAGE_AGENTS, agent.value) ? IMAGE_AGENTS[agent.value] : undefined;
  if (scheme === undefined && agent.value !== "localimage") {
    const instead = Object.hasOwn(ELSEWHERE, agent.value) ? ELSEWHERE[agent.value] : undefined;
    onProblem({
      line: agent.line,
      seen:
        instead === undefined
          ? `invalid build source ${quoted(agent.value)}`
          : `the build source ${quoted(agent.value)}, which Sifon does not support`,
      expected: instead === undefined ? SUPPORTED : `${SUPPORTED}; here ${instead} may serve`,
    });
    return undefined;
  }
  const from = header.get("from");
  if (from === undefined || from.value === "") {
    onProblem({
      line: from?.line ?? agent.line,
      seen: "no From in the header",
      expected: `From: and the image for ${agent.value}`,
    });
    return undefined;
  }
  if (scheme === undefined) {
    const fingerprints = fingerprintsOf(header.get("fingerprints"), onProblem);
    return fingerprints === undefined ? undefined : { kind: "local", path: from.value, fingerprints };
  }
  // As Apptainer: put in front as they are, whatever the transport.
  const front = ["registry", "namespace"].map((keyword) => header.get(keyword)?.value ?? "").filter(Boolean);
  return { kind: "image", uri: scheme + [...front, from.value].map(withoutSlashes).join("/") };
}

/** Of an OpenPGP key: 20 bytes of version 4, 32 of version 6. */
const FINGERPRINT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i;

/** What no key can have is told here: Apptainer finds it out after it has verified the image. */
function fingerprintsOf(
  header: HeaderValue | undefined,
  onProblem: (problem: DefinitionProblem) => void,
): readonly string[] | undefined {
  if (header === undefined || header.value === "") return [];
  const fingerprints = header.value.split(",").map((one) => one.trim());
  const wrong = fingerprints.find((one) => !FINGERPRINT.test(one));
  if (wrong === undefined) return fingerprints;
  const expected = "40 hexadecimal digits without blanks for each key, with commas between them (sifon key list)";
  onProblem({ line: header.line, seen: `the fingerprint ${quoted(wrong)}`, expected });
  return undefined;
}

/** `From: //alpine` is how URIs are written; a path keeps the slash it begins with. */
function withoutSlashes(part: string, index: number, parts: readonly string[]): string {
  const begun = part.startsWith("//") ? part.slice(2) : part;
  return index < parts.length - 1 ? begun.replace(/\/+$/, "") : begun;
}
