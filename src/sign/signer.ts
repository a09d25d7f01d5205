/** Whoever signs: turns the message into the content of a signature object. */
export interface ImageSigner {
  /** Fingerprint for the descriptor: 20 bytes for OpenPGP, none for PEM keys. */
  readonly entity: Uint8Array;
  /** The content of the signature object for a signed message (the JSON of digests). */
  sign(message: string): Promise<Uint8Array>;
}
