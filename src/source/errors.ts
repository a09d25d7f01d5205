import { quote } from "../bytes/printable.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type SourceErrorCode =
  | "SOURCE_CLOSED"
  // The way to the registry.
  | "REGISTRY_UNREACHABLE"
  | "REGISTRY_TIMEOUT"
  | "CONNECTION_LOST"
  | "HTTP_NOT_SPOKEN"
  | "HTTP_INVALID"
  | "TLS_NOT_SPOKEN"
  | "TLS_REQUIRED"
  | "TLS_CERTIFICATE"
  | "TLS_FAILED"
  | "REDIRECT_LOOP"
  | "REDIRECT_INVALID"
  // What the machine's files say of registries.
  | "REGISTRIES_CONF_UNREADABLE"
  | "REGISTRIES_CONF_INVALID"
  | "REGISTRY_BLOCKED"
  | "CERTIFICATES_INVALID"
  | "PROXY_INVALID"
  | "REGISTRY_NAME_INVALID"
  // What the registry says.
  | "UNAUTHORIZED"
  | "TOKEN_REFUSED"
  | "TOKEN_INVALID"
  | "DENIED"
  | "NAME_UNKNOWN"
  | "MANIFEST_UNKNOWN"
  | "BLOB_UNKNOWN"
  | "RATE_LIMITED"
  | "REGISTRY_FAILED"
  | "NOT_A_REGISTRY"
  // What it sends.
  | "MANIFEST_DIGEST_MISMATCH"
  | "BLOB_TRUNCATED"
  | "RANGE_WRONG"
  // A file behind an address, read by ranges.
  | "FILE_REFUSED"
  | "FILE_UNREACHABLE"
  | "FILE_RANGES_UNSUPPORTED"
  | "FILE_CHANGED"
  // Layouts on disk.
  | "LAYOUT_NOT_FOUND"
  | "LAYOUT_INVALID"
  | "IMAGE_NOT_IN_LAYOUT"
  | "IMAGE_AMBIGUOUS"
  | "BLOB_MISSING"
  // Archives and the daemon.
  | "ARCHIVE_NOT_FOUND"
  | "ARCHIVE_INVALID"
  | "ARCHIVE_MANIFEST_MISSING"
  | "ARCHIVE_MEMBER_MISSING"
  | "SPOOL_FAILED"
  | "DAEMON_UNREACHABLE"
  | "DAEMON_IMAGE_UNKNOWN"
  | "DAEMON_FAILED"
  | "DAEMON_HOST_INVALID"
  | "DAEMON_CERTIFICATES_INVALID";

/** What was being done, then Apptainer's key phrase where it has one (scripts match on those), then the remedy. */
const MESSAGES: MessageTable<SourceErrorCode> = {
  SOURCE_CLOSED: (d) => `Cannot read ${d.what}: its source is closed already.`,
  REGISTRY_UNREACHABLE: (d) =>
    `pinging container registry ${d.host}: cannot connect to it while ${d.what}${at(d)}: ${d.problem}${tries(d)}. Check the name, the port and the network (proxies are taken from http_proxy, https_proxy and no_proxy).`,
  REGISTRY_TIMEOUT: (d) =>
    `${d.what}: ${d.host} ${d.problem} for ${seconds(d.timeoutMs)}${tries(d)}. Check the network, or try again later.`,
  CONNECTION_LOST: (d) =>
    `${d.what}: the connection to ${d.host} was lost${at(d)}: ${d.problem}${tries(d)}. Check the network, or try again later.`,
  HTTP_NOT_SPOKEN: (d) =>
    `${d.what}: ${d.host} does not speak HTTP (${d.problem}). It is not a registry; check the name and the port.`,
  HTTP_INVALID: (d) =>
    `${d.what}: ${d.host} answered with HTTP that breaks the rules: ${d.problem}${tries(d)}. The registry, or a proxy in between, is at fault; tell those who run it.`,
  TLS_NOT_SPOKEN: (d) =>
    `pinging container registry ${d.host}: Get "https://${d.host}/v2/": tls: first record does not look like a TLS handshake. The registry speaks plain HTTP.`,
  TLS_REQUIRED: (d) => `${d.what}: ${d.host} speaks HTTPS, not plain HTTP.`,
  TLS_CERTIFICATE: (d) =>
    `pinging container registry ${d.host}: tls: failed to verify certificate: ${d.problem}. If the registry has a certificate of its own authority, put that into ~/.config/containers/certs.d/${d.host}/ca.crt.`,
  TLS_FAILED: (d) =>
    `pinging container registry ${d.host}: the TLS handshake failed: ${d.problem}. Check that this is the registry's port.`,
  REDIRECT_LOOP: (d) =>
    `${d.what}: ${d.host} redirects in a circle (${d.limit} redirects, the last to ${d.target})${tried(d)}. The registry is set up wrongly; tell those who run it.`,
  REDIRECT_INVALID: (d) =>
    `${d.what}: ${d.host} redirects to an address that cannot be followed${tried(d)}. The registry is set up wrongly.`,
  FILE_REFUSED: (d) =>
    `Cannot read ${quote(d.file)}: the server answered with status ${d.status}${tries(d)}. Check the address, and whether it asks for credentials.`,
  FILE_UNREACHABLE: (d) =>
    `Cannot read ${quote(d.file)}: ${d.problem}${tries(d)}. Check the address and the network, or try again later.`,
  FILE_RANGES_UNSUPPORTED: (d) =>
    `Cannot read ${quote(d.file)} in parts: the server does not give the ranges that are asked for, or the file is empty. Download it first.`,
  FILE_CHANGED: (d) => `Cannot go on reading ${quote(d.file)}: it was replaced meanwhile. Open it again.`,
  REGISTRIES_CONF_UNREADABLE: (d) =>
    `Cannot read the registries file ${quote(d.path)}: ${d.problem}. Make it readable, or name another in CONTAINERS_REGISTRIES_CONF.`,
  REGISTRIES_CONF_INVALID: (d) =>
    `Cannot use the registries file ${quote(d.path)}: ${d.problem}. Correct it (containers-registries.conf(5), version 2), or name another in CONTAINERS_REGISTRIES_CONF.`,
  REGISTRY_BLOCKED: (d) =>
    `Cannot pull ${d.name}: registries under ${quote(d.prefix)} are blocked in ${quote(d.path)}. Ask those who run this machine, or name another file in CONTAINERS_REGISTRIES_CONF.`,
  CERTIFICATES_INVALID: (d) => `Cannot use the certificates in ${quote(d.path)}: ${d.problem}. Correct or remove them.`,
  PROXY_INVALID: (d) =>
    `Cannot use the proxy that ${d.name} names: write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT.`,
  REGISTRY_NAME_INVALID: (d) =>
    `Cannot log in to ${quote(d.registry)}: it is not a registry; write docker://HOST, docker://HOST:PORT or docker://HOST/NAMESPACE.`,
  UNAUTHORIZED: (d) => `${d.what}: unauthorized${says(d)}. ${credentialStory(d)}`,
  TOKEN_REFUSED: (d) =>
    `${d.what}: unable to retrieve auth token: ${d.anonymous === true ? "authentication required" : "invalid username/password"}: unauthorized${says(d)}. ${credentialStory(d)}`,
  TOKEN_INVALID: (d) =>
    `${d.what}: unable to retrieve auth token: the token service ${d.host} ${d.problem}${tried(d)}. Try again later, or tell those who run it.`,
  DENIED: (d) => `${d.what}: denied: requested access to the resource is denied${says(d)}. ${credentialStory(d)}`,
  NAME_UNKNOWN: (d) =>
    `${d.what}: name unknown${says(d)}${tried(d)}. Check the repository's name; a private one also needs credentials.`,
  MANIFEST_UNKNOWN: (d) => `${d.what}: manifest unknown${says(d)}${tried(d)}. Check the tag or digest.`,
  BLOB_UNKNOWN: (d) =>
    `${d.what}: blob unknown to registry${says(d)}${tried(d)}. The image is incomplete there; push it again.`,
  RATE_LIMITED: (d) =>
    `${d.what}: toomanyrequests: ${d.host} refuses more requests for now${limits(d)}${says(d)}${tries(d)}${tried(d)}. ${
      d.anonymous === true ? "Log in for a higher limit, or try" : "Try"
    } again ${d.retryAfterMs === undefined ? "later" : `in ${seconds(d.retryAfterMs)}`}.`,
  REGISTRY_FAILED: (d) =>
    `${d.what}: ${d.host} answered with status ${d.status}${says(d)}${tries(d)}${tried(d)}. Try again later, or tell those who run it.`,
  NOT_A_REGISTRY: (d) =>
    `${d.what}: ${d.host} answered with an HTML page (status ${d.status}), not as a registry does${tried(d)}. Check the host name, and that no login portal or proxy stands in between.`,
  MANIFEST_DIGEST_MISMATCH: (d) =>
    `${d.what}: the manifest's digest is ${d.seen}, must be ${String(d.what).includes(String(d.expected)) ? "as named" : d.expected}. It was changed on the way or in the registry; it is refused.`,
  BLOB_TRUNCATED: (d) =>
    `${d.what}: it ended at byte ${d.offset} of ${d.size}${tries(d)}. The stored blob is incomplete, or a proxy cuts it; try again, or push the image again.`,
  RANGE_WRONG: (d) =>
    `${d.what}: asked for bytes from ${d.offset} on, ${d.host} sent ${d.seen}${tries(d)}. A proxy or the registry is at fault.`,
  LAYOUT_NOT_FOUND: (d) => `Cannot read ${quote(d.uri)}: ${d.path} ${d.problem}. Check the path.`,
  LAYOUT_INVALID: (d) => `Cannot read ${quote(d.uri)}: ${d.problem}. It is not an OCI layout, or a damaged one.`,
  IMAGE_NOT_IN_LAYOUT: (d) => `Cannot read ${quote(d.uri)}: it holds no image ${d.wanted}. It holds: ${d.available}.`,
  IMAGE_AMBIGUOUS: (d) =>
    `Cannot read ${quote(d.uri)}: must specify a digest or a tag - layout contains multiple images: ${d.available}. Add :TAG or @DIGEST.`,
  BLOB_MISSING: (d) => `${d.what}: its file there is missing: ${d.problem}. The layout is incomplete; make it again.`,
  ARCHIVE_NOT_FOUND: (d) => `Cannot open ${quote(d.uri)}: open ${d.path}: ${d.problem}. Check the path.`,
  ARCHIVE_INVALID: (d) =>
    `Cannot read ${quote(d.uri)}: ${d.problem}. It is not a tar archive of an image, or a damaged one.`,
  ARCHIVE_MANIFEST_MISSING: (d) =>
    `Cannot read ${quote(d.uri)}: the archive has neither a manifest.json nor an index.json. It does not hold an image; write one with docker save, podman save or skopeo.`,
  ARCHIVE_MEMBER_MISSING: (d) =>
    `Cannot read ${quote(d.uri)}: the archive lacks ${quote(d.name)}, which it names. It is incomplete; write it again.`,
  SPOOL_FAILED: (d) =>
    `Cannot keep ${d.what}, in ${quote(d.directory)}: ${d.problem} after ${d.size} bytes. Make room there, or let TMPDIR point to another place.`,
  DAEMON_UNREACHABLE: (d) =>
    `Cannot connect to the Docker daemon at ${d.dockerHost}. Is the docker daemon running? (${d.problem})`,
  DAEMON_IMAGE_UNKNOWN: (d) =>
    `Cannot read ${quote(d.uri)}: the Docker daemon at ${d.dockerHost} has no image ${quote(d.image)} (it says: ${d.problem}). List its images with docker images.`,
  DAEMON_FAILED: (d) =>
    `Cannot read ${quote(d.uri)} from the Docker daemon at ${d.dockerHost}: ${d.problem}. See the daemon's log.`,
  DAEMON_HOST_INVALID: (d) =>
    `Cannot use the Docker host ${quote(d.dockerHost)}: write unix:///PATH, tcp://HOST:PORT, http://HOST:PORT or https://HOST:PORT.`,
  DAEMON_CERTIFICATES_INVALID: (d) =>
    `Cannot use the certificates for the Docker daemon in ${quote(d.path)} (DOCKER_CERT_PATH): ${d.problem}.`,
};

function seconds(ms: unknown): string {
  return `${Math.max(1, Math.round(Number(ms) / 100) / 10)} s`;
}

function tries({ attempts }: ErrorDetails): string {
  return typeof attempts === "number" && attempts > 1 ? `; gave up after ${attempts} tries` : "";
}

function at({ offset, size }: ErrorDetails): string {
  return offset === undefined ? "" : ` at byte ${offset} of ${size}`;
}

function says({ answer, speaker = "the registry" }: ErrorDetails): string {
  return answer === undefined || answer === "" ? "" : ` (${speaker} says: ${answer})`;
}

/** Which credentials a registry was asked with, where it has answered. */
function tried({ anonymous, origin }: ErrorDetails): string {
  if (origin === undefined) return "";
  return anonymous === true
    ? ` (asked without credentials: ${origin})`
    : ` (asked with the credentials from ${origin})`;
}

function limits({ rateLimit }: ErrorDetails): string {
  return rateLimit === undefined ? "" : ` (limit ${rateLimit})`;
}

function credentialStory({ anonymous, origin, host, status }: ErrorDetails): string {
  if (anonymous === true) {
    const note = status === 403 ? "It was asked without credentials" : `${host} asks for credentials`;
    return `${note} (${origin}): the image does not exist or is private. Check its name, or give credentials.`;
  }
  return `${host} was shown the credentials from ${origin}: check them, and that this account may pull the image.`;
}

/**
 * An image cannot be had from where it should be. Details never hold secrets or whole addresses of
 * redirects, which may be signed. `transient` marks what another try may mend.
 */
export class SourceError extends SifonError {
  declare readonly code: SourceErrorCode;

  constructor(code: SourceErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
