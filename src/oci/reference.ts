import { type Digest, isDigest, parseDigest } from "./digest.ts";
import { OciError } from "./errors.ts";

/** What names an image in a registry, with the defaults filled in. */
export interface DockerReference {
  /** `host[:port]` as given, or `index.docker.io`. */
  readonly registry: string;
  /** `library/alpine` */
  readonly repository: string;
  /** As given, or `latest` when neither tag nor digest was. */
  readonly tag: string | undefined;
  /** Wins over the tag. */
  readonly digest: Digest | undefined;
}

/** Docker Hub, as references name it. */
export const DEFAULT_REGISTRY = "index.docker.io";
const DEFAULT_TAG = "latest";
/** Names of Docker Hub that mean the default registry and its `library/`. */
export const HUB_NAMES: ReadonlySet<string> = new Set([DEFAULT_REGISTRY, "docker.io", "registry-1.docker.io"]);

// The grammar of github.com/distribution/reference, which registries enforce.
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** Of registry and repository together, as in the grammar. */
const MAX_NAME_LENGTH = 255;

const INVALID = "invalid reference format";

/**
 * Reads `[host[:port]/]path[:tag][@digest]`. The first component is a host if it has a dot or a colon or is
 * `localhost`; a single component on Docker Hub gets `library/`.
 *
 * Throws `OciError` REFERENCE_INVALID with Apptainer's words; `uri` is what the user gave, for the message.
 */
export function parseDockerReference(text: string, uri: string = `docker://${text}`): DockerReference {
  const fail = (problem: string): never => {
    throw new OciError("REFERENCE_INVALID", { uri, problem });
  };
  const { name, tag, digest } = splitReference(text, fail);
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasHost = first === "localhost" || /[.:]/.test(first);
  const registry = hasHost ? first : DEFAULT_REGISTRY;
  const path = hasHost ? name.slice(slash + 1) : name;
  if (hasHost && !HOST.test(registry)) fail(`${INVALID}: ${JSON.stringify(registry)} is not a registry host`);
  if (path === "") fail(INVALID);
  if (path !== path.toLowerCase()) fail(`${INVALID}: repository name must be lowercase`);
  if (!path.split("/").every((part) => PATH_COMPONENT.test(part))) fail(INVALID);
  // A bare image id is what `docker images` prints; Docker refuses it here too.
  if (!hasHost && /^[0-9a-f]{64}$/.test(path)) {
    fail(`invalid repository name (${path}), cannot specify 64-byte hexadecimal strings`);
  }
  const hub = HUB_NAMES.has(registry);
  const repository = hub && !path.includes("/") ? `library/${path}` : path;
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    fail(`repository name must not be more than ${MAX_NAME_LENGTH} characters`);
  }
  return {
    registry: hub ? DEFAULT_REGISTRY : registry,
    repository,
    tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined),
    digest,
  };
}

/** Name, tag and digest, the latter two checked. */
export function splitReference(
  text: string,
  fail: (problem: string) => never,
): { name: string; tag: string | undefined; digest: Digest | undefined } {
  if (text === "") fail(INVALID);
  const at = text.indexOf("@");
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  const colon = beforeDigest.indexOf(":", beforeDigest.lastIndexOf("/") + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) fail(INVALID);
  if (digestText !== undefined && !isDigest(digestText)) {
    fail(`${INVALID}: ${JSON.stringify(digestText.slice(0, 150))} is not a digest`);
  }
  return { name, tag, digest: digestText === undefined ? undefined : parseDigest(digestText) };
}

/** `registry/repository:tag` or `registry/repository@digest`, whole. */
export function formatReference({ registry, repository, tag, digest }: DockerReference): string {
  return digest === undefined ? `${registry}/${repository}:${tag}` : `${registry}/${repository}@${digest}`;
}
