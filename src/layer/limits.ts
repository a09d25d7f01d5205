/** How much a layer may grow when it is decompressed. Zeros become holes, so a bomb costs time, not disk. */
export interface ExpansionLimits {
  /** Bytes of the uncompressed tar; 1 TiB by default. */
  readonly layerSize: number;
  /**
   * Uncompressed bytes per stored byte; 10,000 by default, looked at from `expansionFloor` on. gzip cannot
   * exceed 1,032 (RFC 1951 §3.2.5: 258 bytes from 2 bits); zstd stores runs at up to 32,768.
   */
  readonly expansion: number;
  /** Uncompressed bytes below which any expansion is fine; 16 GiB by default, half a minute of decoding. */
  readonly expansionFloor: number;
}

export const DEFAULT_EXPANSION_LIMITS: ExpansionLimits = {
  layerSize: 2 ** 40,
  expansion: 10_000,
  expansionFloor: 16 * 2 ** 30,
};
