import { DEFAULT_REGISTRY, HUB_NAMES } from "../oci/reference.ts";

/** Docker stores what belongs to its Hub under this key, a relic of the first registry API. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** `index.docker.io` for each of the Hub's names. */
export function canonicalHost(host: string): string {
  return HUB_NAMES.has(host) ? DEFAULT_REGISTRY : host;
}

/** Where a credential helper is asked for a registry: the Hub under its old address, others by host. */
export function helperServer(host: string): string {
  return canonicalHost(host) === DEFAULT_REGISTRY ? DOCKER_HUB_KEY : host;
}

/** A key of `auths` or `credHelpers` as `host` or `host/path`: older clients wrote whole addresses. */
export function normaliseKey(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\/v[12]$/, "");
  const slash = bare.indexOf("/");
  return slash < 0 ? canonicalHost(bare) : canonicalHost(bare.slice(0, slash)) + bare.slice(slash);
}

/** The keys that hold for a repository, the most special first: `host/a/b`, `host/a`, `host`. */
export function lookupKeys(host: string, repository: string): readonly string[] {
  const parts = repository.split("/");
  const paths = parts.map((_, i) => `${canonicalHost(host)}/${parts.slice(0, parts.length - i).join("/")}`);
  return [...paths, canonicalHost(host)];
}
