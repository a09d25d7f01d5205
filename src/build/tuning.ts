import type { Compression } from "../wasm/compression.ts";

/** What may be chosen about a conversion; the defaults are what Apptainer does. */
export interface ConvertTuning {
  /** Default gzip at level "default": at most the size of zlib's level 9. */
  readonly compression?: Compression;
  /** Bytes; a power of two, 4 KiB to 1 MiB; default 128 KiB. */
  readonly blockSize?: number;
  /** Threads that compress; 0 compresses in the calling thread. Default: the CPUs that cgroup and affinity grant. */
  readonly workers?: number;
  /**
   * Threads that receive, check and decompress layers, the one that is merged and those below it ahead; with 0 the
   * calling thread does that. By default a few where there are so many CPUs that it could not keep up.
   */
  readonly layerThreads?: number;
  /**
   * Bytes that the process may have resident, the tree of files included; default: what its control group
   * allows. Fewer workers are started to stay within it, and an image whose tree goes beyond it is refused.
   */
  readonly memory?: number;
  /** Lets 0:0 own every file. */
  readonly allRoot?: boolean;
  /** Lets the owner read, write and enter everything; set-id and sticky bits are lost. */
  readonly fixPermissions?: boolean;
  /** Begins even where the image will hardly fit; without it that is `SinkError` SPACE_TOO_SMALL. */
  readonly ignoreSpace?: boolean;
}
