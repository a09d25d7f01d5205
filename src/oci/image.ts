import type { Readable } from "node:stream";
import type { ImageConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/** One layer of an image, as stored: whoever implements this is a source. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar, from the config's `rootfs.diff_ids`; undefined where the config has none. */
  readonly diffId: Digest | undefined;
  /** Opens the stored bytes from the start; may be called again, in any order, also while another is open. */
  open(options: { readonly signal: AbortSignal }): Promise<LayerStream>;
}

/** A layer's stored bytes. */
export interface LayerStream extends Readable {
  /** True where nobody else looks at the chunks any more: the reader may free their memory. */
  readonly givesChunksAway?: boolean;
}

/** An image that a source has resolved: everything but the layers' bytes. */
export interface Image {
  /** The reference as the user gave it, transport and all: `docker://alpine`, `oci:dir:tag`. */
  readonly reference: string;
  /** Digest of the image manifest (not of the index it came from); of the config where an archive has no manifest. */
  readonly manifestDigest: Digest;
  readonly configDescriptor: Descriptor;
  readonly config: ImageConfig;
  readonly platform: Platform;
  /** What the index offers that the image was chosen from, this platform among them; undefined without an index. */
  readonly offered?: readonly Platform[] | undefined;
  /** Lowest layer first, as in the manifest. */
  readonly layers: readonly Layer[];
  /** What goes into a cache on the way. */
  readonly sideCopy?: SideCopy | undefined;
}

/** Bytes that reading an image's layers will write beside the output, and how to do without. */
export interface SideCopy {
  /** A directory on the file system that takes them. */
  readonly path: string;
  readonly size: number;
  /** Gives the copy up, for the reason. */
  skip(reason: string): void;
}

/** A place that an image comes from. */
export interface ImageSource {
  /** Finds the image: manifest, platform choice, config. No layer is opened. */
  resolve(options: { readonly signal: AbortSignal }): Promise<Image>;
  /**
   * The digest that the reference has at present, of the index where there is one, at less cost than `resolve`;
   * a `resolve` after it gives the image of that digest. Absent where nothing is cheaper than `resolve`.
   */
  identify?(options: { readonly signal: AbortSignal }): Promise<Digest>;
  /** Gives back connections and spools; safe to call twice. */
  close(): Promise<void>;
}
