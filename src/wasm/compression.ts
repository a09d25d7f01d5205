/** What blocks are compressed with. Levels are ours, not zlib's: the encoder behind them may change, its promises not. */
export type Compression =
  | { readonly kind: "gzip"; readonly level: "fast" | "default" | "best" }
  | { readonly kind: "lz4"; readonly level: "fast" | "best" }
  | { readonly kind: "none" };
