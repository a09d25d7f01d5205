import type { Readable } from "node:stream";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Image, ImageSource } from "../../oci/image.ts";
import { requestPlatform } from "../../oci/platform.ts";
import type { DockerReference } from "../../oci/reference.ts";
import { checkBlob } from "../check-blob.ts";
import { SourceError } from "../errors.ts";
import type { SourceOptions } from "../options.ts";
import { type ImageStore, resolveImage, type ServedManifest } from "../resolve-image.ts";
import { BlobStream } from "./blob-stream.ts";
import { BUFFER_SIZE, LayerPrefetch } from "./layer-prefetch.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryPlaces } from "./registry-places.ts";

/** An image in a registry: `docker://`. */
export class RegistrySource implements ImageSource {
  readonly #uri: string;
  readonly #reference: DockerReference;
  readonly #options: SourceOptions;
  readonly #closed = new AbortController();
  readonly #prefetches = new Set<LayerPrefetch>();
  readonly #places: RegistryPlaces;

  constructor(uri: string, reference: DockerReference, options: SourceOptions = {}) {
    this.#uri = uri;
    this.#reference = reference;
    this.#options = options;
    this.#places = new RegistryPlaces(reference, options);
  }

  async resolve(options: { readonly signal: AbortSignal }): Promise<Image> {
    const signal = this.#signal(options.signal);
    const platform = this.#options.platform ?? requestPlatform();
    const { onProgress } = this.#options;
    return this.#places.ask(async (client) => {
      const top = await client.manifest(this.#manifestName(), signal);
      return resolveImage(top, this.#store(client), { reference: this.#uri, platform, onProgress, signal });
    }, signal);
  }

  /** The digest that the reference has at present, by a HEAD request that no registry counts as a pull. */
  async currentDigest(options: { readonly signal: AbortSignal }): Promise<Digest | undefined> {
    const { digest } = this.#reference;
    if (digest !== undefined) return digest;
    const signal = this.#signal(options.signal);
    return this.#places.ask((client) => client.manifestDigest(this.#manifestName(), signal), signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const prefetch of this.#prefetches) prefetch.close();
    this.#prefetches.clear();
    await this.#places.destroy();
  }

  #manifestName(): string {
    return this.#reference.digest ?? this.#reference.tag ?? "latest";
  }

  #signal(signal: AbortSignal): AbortSignal {
    if (this.#closed.signal.aborted) throw new SourceError("SOURCE_CLOSED", { what: JSON.stringify(this.#uri) });
    return AbortSignal.any([signal, this.#closed.signal]);
  }

  #store(client: RegistryClient): ImageStore {
    let prefetch: LayerPrefetch | undefined;
    const open = (descriptor: Descriptor, signal: AbortSignal) =>
      new BlobStream({ client, descriptor, bufferSize: BUFFER_SIZE, signal });
    return {
      readManifest: (descriptor, signal) => readChild(client, descriptor, signal),
      readBlob: async (descriptor, signal) => {
        const chunks: Buffer[] = [];
        for await (const chunk of open(descriptor, signal) as AsyncIterable<Buffer>) chunks.push(chunk);
        const bytes = Buffer.concat(chunks);
        checkBlob(bytes, descriptor);
        return bytes;
      },
      openLayer: async (layers, index, signal): Promise<Readable> => {
        // The source's life, not one reader's: a layer that waits outlives the opening of the one above.
        prefetch ??= new LayerPrefetch((i) => open(layers[i] as Descriptor, this.#closed.signal));
        this.#prefetches.add(prefetch);
        const both = this.#signal(signal);
        both.throwIfAborted();
        return prefetch.take(index, both);
      },
    };
  }
}

async function readChild(client: RegistryClient, descriptor: Descriptor, signal: AbortSignal): Promise<ServedManifest> {
  const served = await client.manifest(descriptor.digest, signal);
  checkBlob(served.bytes, descriptor);
  return { ...served, mediaType: served.mediaType ?? descriptor.mediaType };
}
