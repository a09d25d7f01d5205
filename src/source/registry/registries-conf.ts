import { parse } from "smol-toml";
import { SourceError } from "../errors.ts";

/** A place that images are pulled from. */
export interface RegistryLocation {
  /** `host[:port][/path]`, what the prefix is replaced by; empty: nothing is replaced. */
  readonly location: string;
  /** Any certificate will do, and plain HTTP where TLS is not spoken. */
  readonly insecure: boolean;
}

/** For which references a mirror is asked. */
export type MirrorUse = "all" | "digest-only" | "tag-only";

/** One `[[registry]]` of containers-registries.conf(5), version 2. */
export interface RegistryRule extends RegistryLocation {
  /** `host[:port][/path…]` or `*.domain`. */
  readonly prefix: string;
  readonly blocked: boolean;
  readonly mirrors: readonly (RegistryLocation & { readonly use: MirrorUse })[];
  /** The file it stands in. */
  readonly path: string;
}

const MIRROR_USES: readonly MirrorUse[] = ["all", "digest-only", "tag-only"];

/**
 * Reads the text of a file. What does not concern pulling by full names (search lists, short names, credential
 * helpers) is left alone.
 *
 * Throws `SourceError` REGISTRIES_CONF_INVALID.
 */
export function parseRegistriesConf(text: string, path: string): readonly RegistryRule[] {
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    const { line, message } = error as Error & { line?: number };
    throw invalid(path, `line ${line ?? "?"}: ${message.split("\n")[0]}`);
  }
  if (document.registries !== undefined) {
    throw invalid(path, "it is written in version 1 of its format ([registries.search] …), which is no longer read");
  }
  return tables(document.registry, "registry", path).map((table, i) => parseRule(table, `registry[${i}]`, path));
}

function parseRule(table: Record<string, unknown>, where: string, path: string): RegistryRule {
  const named = readLocation(table.location, `${where}.location`, path);
  const prefix = readLocation(table.prefix, `${where}.prefix`, path) || named;
  if (prefix === "") throw invalid(path, `${where} has neither a prefix nor a location`);
  const wildcard = prefix.startsWith("*.");
  if (prefix.includes("*", wildcard ? 1 : 0) || (wildcard && /[/@]/.test(prefix))) {
    throw invalid(path, `${where}.prefix: a wildcard stands for subdomains only, as in "*.example.com"`);
  }
  const byDigest = readBoolean(table["mirror-by-digest-only"], `${where}.mirror-by-digest-only`, path);
  const mirrors = tables(table.mirror, `${where}.mirror`, path).map((mirror, i) => {
    const place = `${where}.mirror[${i}]`;
    const location = readLocation(mirror.location, `${place}.location`, path);
    if (location === "") throw invalid(path, `${place} has no location`);
    const use = mirror["pull-from-mirror"] ?? (byDigest ? "digest-only" : "all");
    if (!MIRROR_USES.includes(use as MirrorUse)) {
      throw invalid(path, `${place}.pull-from-mirror is not one of ${MIRROR_USES.join(", ")}`);
    }
    if (byDigest && mirror["pull-from-mirror"] !== undefined) {
      throw invalid(path, `${place}.pull-from-mirror and mirror-by-digest-only exclude each other`);
    }
    const insecure = readBoolean(mirror.insecure, `${place}.insecure`, path);
    return { location, use: use as MirrorUse, insecure };
  });
  return {
    prefix,
    location: named || (wildcard ? "" : prefix),
    insecure: readBoolean(table.insecure, `${where}.insecure`, path),
    blocked: readBoolean(table.blocked, `${where}.blocked`, path),
    mirrors,
    path,
  };
}

function tables(value: unknown, where: string, path: string): readonly Record<string, unknown>[] {
  if (value === undefined) return [];
  const isTable = (one: unknown) => typeof one === "object" && one !== null && !Array.isArray(one);
  if (!Array.isArray(value) || !value.every(isTable)) throw invalid(path, `${where} is not a list of tables`);
  return value as Record<string, unknown>[];
}

function readLocation(value: unknown, where: string, path: string): string {
  if (value === undefined) return "";
  if (typeof value !== "string") throw invalid(path, `${where} is not a text`);
  if (/^https?:\/\//.test(value)) throw invalid(path, `${where} begins with a scheme; leave it out`);
  return value.replace(/\/+$/, "");
}

function readBoolean(value: unknown, where: string, path: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== "boolean") throw invalid(path, `${where} is neither true nor false`);
  return value;
}

function invalid(path: string, problem: string): SourceError {
  return new SourceError("REGISTRIES_CONF_INVALID", { path, problem });
}
