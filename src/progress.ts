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
  | {
      readonly kind: "retry";
      readonly what: string;
      readonly attempt: number;
      readonly attempts: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  | { readonly kind: "rescue"; readonly digest: string; readonly fileCount: number }
  | { readonly kind: "spool"; readonly what: string; readonly path: string }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "stage"; readonly stage: "fetch" | "merge" | "configure" | "tables" }
  | { readonly kind: "encode-progress"; readonly read: number; readonly written: number }
  | { readonly kind: "done"; readonly fileCount: number; readonly size: number };

export type OnProgress = (event: ProgressEvent) => void;
