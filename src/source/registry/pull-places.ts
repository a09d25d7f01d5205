import { OciError } from "../../oci/errors.ts";
import { DEFAULT_REGISTRY, type DockerReference, parseDockerReference } from "../../oci/reference.ts";
import { SourceError } from "../errors.ts";
import type { RegistryLocation, RegistryRule } from "./registries-conf.ts";

/** One place to ask for an image; the first that has it is taken. */
export interface PullPlace {
  readonly registry: string;
  readonly repository: string;
  /** Takes any certificate. */
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  /** Asked only if the place before it cannot be reached by TLS. */
  readonly onlyWithoutTls: boolean;
  /** A mirror on another host than the registry's: credentials that are given by hand are not for it. */
  readonly foreign: boolean;
}

/**
 * Where a reference is pulled from, in order: the mirrors of the rule with the longest matching prefix, then its
 * location; the reference's own registry where no rule matches.
 *
 * Throws `SourceError` REGISTRY_BLOCKED, REGISTRIES_CONF_INVALID.
 */
export function pullPlaces(
  reference: DockerReference,
  rules: readonly RegistryRule[],
  options: { readonly noHttps: boolean; readonly insecure: boolean },
): readonly PullPlace[] {
  const { registry, repository } = reference;
  const name = fullName(reference);
  const own = { registry, repository, plainHttp: options.noHttps, onlyWithoutTls: false, foreign: false };
  const rule = findRule(name, rules);
  if (rule === undefined) return [{ ...own, insecure: options.insecure }];
  if (rule.blocked) {
    throw new SourceError("REGISTRY_BLOCKED", { name, prefix: rule.prefix, path: rule.path });
  }
  const digested = reference.digest !== undefined;
  const mirrors = rule.mirrors.filter(({ use }) => use === "all" || (use === "digest-only") === digested);
  const end = matchEnd(name, rule.prefix) as number;
  const primary = rewrite(name, end, rule, rule);
  const places: PullPlace[] = [];
  const add = (target: DockerReference, location: RegistryLocation, plainHttp: boolean) => {
    const insecure = options.insecure || location.insecure;
    const foreign = target.registry !== primary.registry;
    const common = { registry: target.registry, repository: target.repository, insecure, foreign };
    places.push({ ...common, plainHttp, onlyWithoutTls: false });
    if (location.insecure && !plainHttp) places.push({ ...common, plainHttp: true, onlyWithoutTls: true });
  };
  // --no-https is for the registry that the user names; mirrors say it by themselves ("insecure").
  for (const mirror of mirrors) add(rewrite(name, end, mirror, rule), mirror, false);
  add(primary, rule, options.noHttps);
  return places;
}

/** Of two rules with prefixes of one length, which cannot both match unless they are equal, the first. */
export function findRule(name: string, rules: readonly RegistryRule[]): RegistryRule | undefined {
  let found: RegistryRule | undefined;
  for (const rule of rules) {
    if (matchEnd(name, rule.prefix) === undefined) continue;
    if (found === undefined || rule.prefix.length > found.prefix.length) found = rule;
  }
  return found;
}

/** Where in a name the part ends that a prefix stands for; undefined where it does not match. */
function matchEnd(name: string, prefix: string): number | undefined {
  if (!prefix.startsWith("*."))
    return name.startsWith(prefix) && isBoundary(name, prefix.length) ? prefix.length : undefined;
  const domain = prefix.slice(1);
  const at = name.indexOf(domain);
  if (at < 0 || name.slice(0, at).includes("/")) return undefined;
  const end = at + domain.length;
  return isBoundary(name, end) ? end : undefined;
}

function isBoundary(name: string, at: number): boolean {
  return at === name.length || "/:@".includes(name[at] as string);
}

/** As the files write it: the Hub is docker.io. */
function fullName({ registry, repository, tag, digest }: DockerReference): string {
  const host = registry === DEFAULT_REGISTRY ? "docker.io" : registry;
  return `${host}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function rewrite(name: string, end: number, { location }: RegistryLocation, rule: RegistryRule): DockerReference {
  const rewritten = location === "" ? name : location + name.slice(end);
  try {
    return parseDockerReference(rewritten);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    const problem = `its location makes ${JSON.stringify(name)} into ${JSON.stringify(rewritten)}, which is no image name`;
    throw new SourceError("REGISTRIES_CONF_INVALID", { path: rule.path, problem, cause });
  }
}
