import { hostArch } from "../bytes/architecture.ts";
import { OciError } from "./errors.ts";
import type { JsonNode } from "./json-node.ts";

/** Operating system and CPU, in Go's names (OCI image spec, image-index.md). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** The values of `--arch`, in the order of Apptainer's message (1.4.5), and the variants that go with them. */
const VARIANTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["arm", ["5", "6", "7"]],
  ["arm64", ["8"]],
  ["amd64", []],
  ["386", []],
  ["ppc64le", []],
  ["s390x", []],
  ["riscv64", []],
]);

/** Which image is wanted out of those that an index offers. */
export interface PlatformRequest extends Platform {
  /** Whether the user asked; the host's own platform gives way, with a warning, where only another exists. */
  readonly explicit: boolean;
}

/** What the user said of the platform; see `requestPlatform`. */
export interface PlatformOptions {
  /** `--arch`; the host's architecture when undefined. */
  readonly arch?: string | undefined;
  /** `--arch-variant`, with or without its `v`; GOARM stands in for it as in Apptainer. */
  readonly variant?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The platform that `--arch` and `--arch-variant` ask for. Throws `OciError` ARCH_UNKNOWN, ARCH_VARIANT_NEEDED. */
export function requestPlatform(options: PlatformOptions = {}): PlatformRequest {
  const host = hostPlatform();
  const arch = options.arch || host.architecture;
  const explicit = Boolean(options.arch || options.variant);
  const known = VARIANTS.get(arch);
  if (known === undefined) throw new OciError("ARCH_UNKNOWN", { arch, supported: [...VARIANTS.keys()].join(" ") });
  const hostVariant = explicit ? undefined : host.variant;
  const text = options.variant || (arch === "arm" ? options.env?.GOARM : undefined) || hostVariant || undefined;
  const variant = text?.replace(/^v/, "");
  const needed = arch === "arm";
  // Variants of architectures without a list (amd64 v2, v3) are passed on as they are: indexes may have them.
  if ((variant === undefined && needed) || (variant !== undefined && known.length > 0 && !known.includes(variant))) {
    throw new OciError("ARCH_VARIANT_NEEDED", { arch, variant, supported: known.join(", ") });
  }
  return { os: "linux", architecture: arch, ...(variant === undefined ? {} : { variant: `v${variant}` }), explicit };
}

/** Linux on the CPU that runs us. */
export function hostPlatform(): Platform {
  const architecture = hostArch();
  if (architecture !== "arm") return { os: "linux", architecture };
  const { arm_version: version } = process.config.variables as { arm_version?: string | number };
  return { os: "linux", architecture, variant: `v${version ?? 7}` };
}

/** `linux/arm/v7` */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined || variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** Reads the `platform` member of an index entry. */
export function parsePlatform(node: JsonNode): Platform {
  const variant = node.member("variant").optionalString();
  return {
    os: node.member("os").optionalString() ?? "",
    architecture: node.member("architecture").optionalString() ?? "",
    ...(variant === undefined || variant === "" ? {} : { variant }),
  };
}

/**
 * Whether an image of platform `offered` is what is asked for: exact os and architecture, and the variant
 * where one is asked for. arm64 without a variant is arm64 v8 (Go and containerd normalise it so).
 */
export function satisfiesPlatform(offered: Platform, wanted: Platform): boolean {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return false;
  return wanted.variant === undefined || effectiveVariant(offered) === effectiveVariant(wanted);
}

function effectiveVariant({ architecture, variant }: Platform): string | undefined {
  return variant ?? (architecture === "arm64" ? "v8" : undefined);
}
