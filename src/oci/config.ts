import type { Digest } from "./digest.ts";

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
