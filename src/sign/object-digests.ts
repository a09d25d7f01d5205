import type { SifObject } from "../sif/image.ts";
import { streamObject } from "../sif/reader.ts";
import { createHasher, type HashAlgorithm, type SignedDigest } from "./digest.ts";
import type { SignedImage } from "./signed-image.ts";

/**
 * Digests of objects' contents. Each object is read once, however many signatures speak of it: all algorithms
 * that any of them uses are computed in the same pass.
 */
export class ObjectDigests {
  readonly #signed: SignedImage;
  readonly #algorithms: ReadonlySet<HashAlgorithm>;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Map<number, ReadonlyMap<HashAlgorithm, string>>();

  constructor(signed: SignedImage, algorithms: ReadonlySet<HashAlgorithm>, signal?: AbortSignal) {
    this.#signed = signed;
    this.#algorithms = algorithms;
    this.#signal = signal;
  }

  /** @throws SifError OBJECT_OUTSIDE_FILE */
  async digest(object: SifObject, algorithm: HashAlgorithm): Promise<SignedDigest> {
    let known = this.#known.get(object.slot);
    if (known?.has(algorithm) !== true) {
      known = await this.#read(object, new Set([...this.#algorithms, algorithm]));
      this.#known.set(object.slot, known);
    }
    return { algorithm, hex: known.get(algorithm) as string };
  }

  async #read(object: SifObject, algorithms: ReadonlySet<HashAlgorithm>): Promise<ReadonlyMap<HashAlgorithm, string>> {
    const hashers = [...algorithms].map((algorithm) => [algorithm, createHasher(algorithm)] as const);
    for await (const piece of streamObject(this.#signed.access, object)) {
      this.#signal?.throwIfAborted();
      for (const [, hasher] of hashers) hasher.update(piece);
    }
    return new Map(hashers.map(([algorithm, hasher]) => [algorithm, hasher.digest("hex")]));
  }
}
