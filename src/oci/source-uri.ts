import { type Digest, isDigest } from "./digest.ts";
import { OciError } from "./errors.ts";
import { type DockerReference, parseDockerReference, splitReference } from "./reference.ts";

/** Transports that Apptainer 1.4 knows. `build` takes a spec as a URI only if it begins with one. */
const KNOWN_TRANSPORTS: ReadonlySet<string> = new Set([
  "docker",
  "docker-archive",
  "docker-daemon",
  "oci",
  "oci-archive",
  "oras",
  "library",
  "shub",
  "http",
  "https",
]);

const SUPPORTED = "docker://, docker-daemon:, docker-archive:, oci:, oci-archive:";

/** A place of an image, by transport. `text` is what the user wrote, transport and all. */
export type SourceUri =
  | { readonly transport: "docker"; readonly text: string; readonly reference: DockerReference }
  | { readonly transport: "docker-daemon"; readonly text: string; readonly image: string }
  | {
      readonly transport: "docker-archive";
      readonly text: string;
      readonly path: string;
      /** `repo:tag` of one image among several. */
      readonly image: string | undefined;
    }
  | {
      readonly transport: "oci" | "oci-archive";
      readonly text: string;
      readonly path: string;
      /** `org.opencontainers.image.ref.name` of one image among several. */
      readonly tag: string | undefined;
      readonly digest: Digest | undefined;
    };

/** Whether `spec` begins with a transport, supported or not, as `build` decides between URI, file and definition. */
export function hasTransport(spec: string): boolean {
  const colon = spec.indexOf(":");
  return colon > 0 && KNOWN_TRANSPORTS.has(spec.slice(0, colon));
}

/**
 * Reads a source URI. Nothing is looked up: for `oci:a:b`, `a` is the path and `b` the tag.
 *
 * Throws `OciError` URI_NO_TRANSPORT, URI_TRANSPORT_UNKNOWN, REFERENCE_INVALID.
 */
export function parseSourceUri(text: string): SourceUri {
  const colon = text.indexOf(":");
  const transport = text.slice(0, Math.max(colon, 0));
  const rest = text.slice(colon + 1);
  // "alpine:3.18" and "./dir" have no transport; "nosuch://x" and "library:x" have one that we lack.
  if (colon <= 0 || transport.includes("/") || transport.includes(".")) throw noTransport(text);
  switch (transport) {
    case "docker":
      // Deviates: Apptainer's pull wants the slashes, its build does not (1.4.5); both forms are taken.
      return { transport, text, reference: parseDockerReference(withoutSlashes(rest), text) };
    case "docker-daemon":
      return { transport, text, image: parseDaemonImage(withoutSlashes(rest), text) };
    case "docker-archive": {
      const { path, name } = splitPath(rest, text, "docker-archive:path[:repo:tag]");
      return { transport, text, path, image: name };
    }
    case "oci":
    case "oci-archive": {
      const form = transport === "oci" ? "oci:dir[:tag][@digest]" : "oci-archive:file[:tag][@digest]";
      const { location, digest } = splitDigest(rest, text, form);
      const { path, name } = splitPath(location, text, form);
      return { transport, text, path, tag: name, digest };
    }
    default:
      if (!KNOWN_TRANSPORTS.has(transport) && !rest.startsWith("//")) throw noTransport(text);
      throw new OciError("URI_TRANSPORT_UNKNOWN", { transport, supported: SUPPORTED });
  }
}

function noTransport(text: string): OciError {
  return new OciError("URI_NO_TRANSPORT", { uri: text, supported: SUPPORTED });
}

function withoutSlashes(rest: string): string {
  return rest.startsWith("//") ? rest.slice(2) : rest;
}

/** Image ids, which the daemon takes as well as names, have no grammar of their own; names are checked. */
function parseDaemonImage(image: string, uri: string): string {
  if (/^(?:sha256:)?[0-9a-f]{12,64}$/.test(image)) return image;
  splitReference(image, (problem) => {
    throw new OciError("REFERENCE_INVALID", { uri, problem, form: "docker-daemon:name[:tag|@digest]" });
  });
  return image;
}

function splitDigest(rest: string, uri: string, form: string): { location: string; digest: Digest | undefined } {
  // An "@" may be part of a path; only one followed by an algorithm's name begins a digest.
  const at = rest.search(/@sha(?:256|512):[^@/]*$/);
  if (at < 0) return { location: rest, digest: undefined };
  const digest = rest.slice(at + 1);
  if (!isDigest(digest)) {
    const problem = `invalid reference format: ${JSON.stringify(digest.slice(0, 150))} is not a digest`;
    throw new OciError("REFERENCE_INVALID", { uri, problem, form });
  }
  return { location: rest.slice(0, at), digest };
}

function splitPath(rest: string, uri: string, form: string): { path: string; name: string | undefined } {
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const name = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path === "" || name === "") {
    const problem = `invalid reference format: ${path === "" ? "it has no path" : "nothing follows the colon"}`;
    throw new OciError("REFERENCE_INVALID", { uri, problem, form });
  }
  return { path, name };
}
