import { quote } from "../bytes/printable.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type OciErrorCode =
  | "DIGEST_INVALID"
  | "REFERENCE_INVALID"
  | "URI_NO_TRANSPORT"
  | "URI_TRANSPORT_UNKNOWN"
  | "DOCUMENT_TOO_LARGE"
  | "DOCUMENT_NOT_JSON"
  | "DOCUMENT_SHAPE"
  | "MEDIA_TYPE_UNKNOWN"
  | "MANIFEST_SCHEMA_1"
  | "MANIFEST_AMBIGUOUS"
  | "LAYER_TYPE_UNSUPPORTED"
  | "IMAGE_IS_ARTIFACT"
  | "CONFIG_LAYERS_MISMATCH"
  | "INDEX_TOO_DEEP"
  | "ARCH_UNKNOWN"
  | "ARCH_VARIANT_NEEDED"
  | "PLATFORM_NOT_FOUND"
  | "PLATFORM_MISMATCH";

const NOT_LINUX = "A SIF holds a Linux system: name another image.";

const MESSAGES: MessageTable<OciErrorCode> = {
  DIGEST_INVALID: (d) =>
    `Cannot read the digest ${quote(d.text)}${of(d.what)}: ${d.problem}. A digest is "sha256:" and 64 lower-case hexadecimal digits, or "sha512:" and 128.`,
  // The text up to "invalid reference format…" is Apptainer's (1.4.5); scripts match on it.
  REFERENCE_INVALID: (d) =>
    `unable to parse image name ${d.uri}: ${d.problem}. Write it as ${d.form ?? "docker://[host[:port]/]path[:tag][@digest]"}.`,
  URI_NO_TRANSPORT: (d) =>
    `No transport type URI supplied in ${quote(d.uri)}. Put one in front of it: ${d.supported}; for an image of Docker Hub write docker://${d.uri}.`,
  URI_TRANSPORT_UNKNOWN: (d) => `Unsupported transport type: ${d.transport}. Sifon reads ${d.supported}.`,
  DOCUMENT_TOO_LARGE: (d) =>
    d.kind === "index of a layout"
      ? `Cannot read ${d.what}: it is ${d.seen} bytes, limit ${d.limit}. Copy the image into a layout of its own (skopeo copy), and read that.`
      : `Cannot read ${d.what}: it is ${d.seen} bytes${d.cut === true ? " or more" : ""}, limit ${d.limit}. This is not the ${d.kind ?? "manifest"} of a container image.`,
  DOCUMENT_NOT_JSON: (d) =>
    `Cannot read ${d.what}: it is not JSON${d.html === true ? " but an HTML page" : ""} (it begins ${quote(d.seen)}). ${
      d.html === true
        ? "The address may belong to a web site or a login portal instead of a registry; check the host name and any proxy."
        : "It is damaged, or not a document of a container image at all."
    }`,
  DOCUMENT_SHAPE: (d) =>
    `Cannot read ${d.what}: ${d.where} is ${d.seen}, must be ${d.expected}. The document is damaged or not of a container image.`,
  MEDIA_TYPE_UNKNOWN: (d) =>
    `Cannot read ${d.what}: its media type ${quote(d.mediaType)} is neither an image manifest nor an image index of OCI or Docker. The reference may name something other than a container image.`,
  MANIFEST_SCHEMA_1: (d) =>
    `Cannot read ${d.what}: it is a Docker manifest of schema 1, which registries dropped. Push the image again with a current client (for example: skopeo copy --format v2s2), then pull it.`,
  MANIFEST_AMBIGUOUS: (d) =>
    `Cannot read ${d.what}: it has the members of an image manifest and of an image index at once. The document is refused because tools would read it differently; push the image again.`,
  LAYER_TYPE_UNSUPPORTED: (d) =>
    `Cannot use ${d.what}: layer ${d.index} (${d.digest}) has the media type ${quote(d.mediaType)}, ${d.problem ?? "which is not a tar, tar+gzip or tar+zstd layer"}. Pull an image with ordinary layers.`,
  IMAGE_IS_ARTIFACT: (d) =>
    `Cannot use ${d.what}: it is not a container image but an artifact of the type ${quote(d.mediaType)}. Check the reference and the tag.`,
  CONFIG_LAYERS_MISMATCH: (d) =>
    `Cannot use ${d.what}: its manifest lists ${d.layers} layers and its config ${d.diffIds} diff_ids. The image was pushed wrongly; push it again.`,
  INDEX_TOO_DEEP: (d) =>
    `Cannot read ${d.what}: image indexes are nested more than ${d.limit} deep. The image index is damaged.`,
  // Apptainer's texts (1.4.5).
  ARCH_UNKNOWN: (d) => `arch: ${d.arch} is not valid, supported archs are: [${d.supported}]`,
  ARCH_VARIANT_NEEDED: (d) =>
    d.variant === undefined
      ? `arch: ${d.arch} needs variant specification, supported variants are [${d.supported}], please set --arch-variant option`
      : `arch: ${d.arch} has no variant ${d.variant}, supported variants are [${d.supported}], please set --arch-variant option`,
  PLATFORM_NOT_FOUND: (d) =>
    `no child with platform ${d.platform} in index ${d.what}. It has: ${d.available}. ${String(d.available).includes("linux/") ? "Ask for one of these." : NOT_LINUX}`,
  PLATFORM_MISMATCH: (d) =>
    `image (${d.seen}) does not satisfy required platform (${d.platform}): ${d.what} exists for ${d.seen} alone. ${String(d.seen).startsWith("linux/") ? "Take that one, or name another image." : NOT_LINUX}`,
};

function of(what: unknown): string {
  return what === undefined ? "" : ` of ${what}`;
}

/** Something that names or describes an image cannot be read, or asks for what is not there. */
export class OciError extends SifonError {
  declare readonly code: OciErrorCode;

  constructor(code: OciErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
