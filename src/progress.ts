/** What happens during a conversion, for bars, logs and programs (`--json` prints one object a line). */
export type ProgressEvent =
  | {
      readonly kind: "image";
      readonly reference: string;
      readonly digest: string;
      readonly platform: string;
      readonly layerCount: number;
      readonly compressedSize: number;
    }
  | { readonly kind: "blob-start"; readonly role: "layer" | "config"; readonly digest: string; readonly size: number }
  | { readonly kind: "blob-progress"; readonly digest: string; readonly received: number; readonly size: number }
  | { readonly kind: "blob-end"; readonly digest: string; readonly size: number }
  /** The blob is in the cache; it is read from there. */
  | { readonly kind: "blob-reused"; readonly digest: string; readonly size: number }
  /** An earlier run has left the first `offset` bytes of it in the cache. */
  | { readonly kind: "blob-resumed"; readonly digest: string; readonly offset: number; readonly size: number }
  /** What will be written where, before it is; `free` is undefined where the file system does not tell. */
  | {
      readonly kind: "space";
      readonly use: "image" | "cache";
      readonly path: string;
      readonly size: number;
      readonly free: number | undefined;
    }
  | {
      readonly kind: "retry";
      readonly what: string;
      readonly attempt: number;
      readonly attempts: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  /** A section of a definition is about to run. */
  | { readonly kind: "script"; readonly section: "pre" | "setup" | "post" | "test" }
  | { readonly kind: "rescue"; readonly digest: string; readonly fileCount: number }
  /** The whole image is in the cache as a SIF. */
  | { readonly kind: "image-reused"; readonly reference: string; readonly path: string }
  /** Another process, here or on another host, is making what is needed. */
  | { readonly kind: "waiting"; readonly what: string }
  | { readonly kind: "spool"; readonly what: string; readonly path: string }
  | { readonly kind: "warning"; readonly message: string }
  /** What a build does next or has found, for people. */
  | { readonly kind: "step"; readonly message: string }
  | { readonly kind: "stage"; readonly stage: "fetch" | "merge" | "configure" | "tables" }
  | { readonly kind: "encode-progress"; readonly read: number; readonly written: number }
  /** What became of a layer, once all is merged; lowest first. Sizes are bytes of file contents. */
  | {
      readonly kind: "layer";
      readonly digest: string;
      readonly entries: number;
      readonly entriesHidden: number;
      readonly bytesRead: number;
      readonly bytesHidden: number;
      readonly bytesKept: number;
      readonly bytesDuplicate: number;
      readonly bytesStored: number;
      readonly rescuedFiles: number;
    }
  | { readonly kind: "done"; readonly fileCount: number; readonly size: number };

/** Hears of every event, in order; what it throws ends the conversion. */
export type OnProgress = (event: ProgressEvent) => void;
