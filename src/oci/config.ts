import { type Digest, parseDigest } from "./digest.ts";
import { parseJson } from "./json-node.ts";
import { MAX_MANIFEST_LAYERS } from "./manifest.ts";

/** The image config, as far as it is used (OCI image spec, config.md; Docker's older names are the same). */
export interface ImageConfig {
  /** RFC 3339, as written; undefined when absent. */
  readonly created: string | undefined;
  readonly architecture: string | undefined;
  readonly os: string | undefined;
  readonly variant: string | undefined;
  /** The `config` member as parsed JSON, unchecked keys included; {} when absent or null. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly diffIds: readonly Digest[];
}

/** Histories and labels make configs large, some hundred KB at most; a limit before they are held in memory. */
export const MAX_CONFIG_SIZE: number = 8 * 1024 * 1024;

/**
 * Reads an image config. Throws `OciError` DOCUMENT_TOO_LARGE, DOCUMENT_NOT_JSON, DOCUMENT_SHAPE,
 * DIGEST_INVALID; `what` names it: `the config of "docker://alpine"`.
 */
export function parseImageConfig(bytes: Uint8Array, what: string): ImageConfig {
  const document = parseJson(bytes, what, MAX_CONFIG_SIZE);
  const text = (name: string) => document.member(name).optionalString() || undefined;
  const config = document.member("config");
  const rootfs = document.member("rootfs");
  const diffIds = rootfs.present ? rootfs.member("diff_ids").items(MAX_MANIFEST_LAYERS) : [];
  return {
    created: text("created"),
    architecture: text("architecture"),
    os: text("os"),
    variant: text("variant"),
    config: config.present ? config.object() : {},
    diffIds: diffIds.map((id) => parseDigest(id.string(), what)),
  };
}
