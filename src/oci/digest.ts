/** `algorithm:hex`, checked by `parseDigest`: `sha256:<64 hex>` or `sha512:<128 hex>`, lower case. */
export type Digest = `${string}:${string}`;
