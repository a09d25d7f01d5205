import type { Readable } from "node:stream";
import type { BlobCache } from "../../cache/blob-cache.ts";
import { CachedBlobStream, type FetchBlob } from "../../cache/cached-blob-stream.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Image, ImageSource } from "../../oci/image.ts";
import { requestPlatform } from "../../oci/platform.ts";
import type { DockerReference } from "../../oci/reference.ts";
import { checkBlob } from "../check-blob.ts";
import { SourceError } from "../errors.ts";
import type { SourceOptions } from "../options.ts";
import { type ImageStore, resolveImage, type ServedManifest } from "../resolve-image.ts";
import { BlobStream, type BlobStreamOptions } from "./blob-stream.ts";
import { cacheDocuments, cachedManifest, headDigest, withSideCopy } from "./cached-registry-store.ts";
import { detachBlob } from "./detached-blob.ts";
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
  /** Undefined also where there is one that holds nothing and takes nothing. */
  readonly #cache: BlobCache | undefined;
  #reached: Promise<RegistryClient> | undefined;
  /** What the tag led to when `identify` asked. */
  #identified: Digest | undefined;

  constructor(uri: string, reference: DockerReference, options: SourceOptions = {}) {
    this.#uri = uri;
    this.#reference = reference;
    this.#options = options;
    this.#places = new RegistryPlaces(reference, options);
    this.#cache = options.cache?.readable === true ? options.cache : undefined;
  }

  async resolve(options: { readonly signal: AbortSignal }): Promise<Image> {
    const signal = this.#signal(options.signal);
    const known = await this.#knownManifest(signal);
    if (known !== undefined) return this.#resolveFrom(known, () => this.#reach(), signal);
    return this.#places.ask(async (client) => {
      const top = await client.manifest(this.#manifestName(), signal);
      await this.#cache?.keep(top.digest, top.bytes);
      return this.#resolveFrom(top, async () => client, signal);
    }, signal);
  }

  /** The digest that the reference has at present, by a HEAD request that no registry counts as a pull. */
  async currentDigest(options: { readonly signal: AbortSignal }): Promise<Digest | undefined> {
    const { digest } = this.#reference;
    if (digest !== undefined) return digest;
    const signal = this.#signal(options.signal);
    return this.#places.ask((client) => client.manifestDigest(this.#manifestName(), signal), signal);
  }

  /** By one HEAD request; by none where the reference has a digest; by a GET where a registry lacks HEAD. */
  async identify(options: { readonly signal: AbortSignal }): Promise<Digest> {
    const known = this.#reference.digest ?? this.#identified;
    if (known !== undefined) return known;
    const signal = this.#signal(options.signal);
    const name = this.#manifestName();
    this.#identified = await this.#places.ask(
      async (client) =>
        (await headDigest(client.manifestDigest(name, signal))) ?? (await client.manifest(name, signal)).digest,
      signal,
    );
    return this.#identified;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const prefetch of this.#prefetches) prefetch.close();
    this.#prefetches.clear();
    await this.#places.destroy();
  }

  /** The manifest out of the cache, if a HEAD request says, or the reference itself, which one it is. */
  async #knownManifest(signal: AbortSignal): Promise<ServedManifest | undefined> {
    if (this.#cache === undefined) return undefined;
    const digest = this.#identified ?? (await headDigest(this.currentDigest({ signal })));
    return digest === undefined ? undefined : cachedManifest(this.#cache, digest);
  }

  async #resolveFrom(top: ServedManifest, connect: Connect, signal: AbortSignal): Promise<Image> {
    const { onProgress, platform = requestPlatform() } = this.#options;
    const store = this.#store(connect);
    const cached = this.#cache === undefined ? store : cacheDocuments(store, this.#cache);
    const image = await resolveImage(top, cached, { reference: this.#uri, platform, onProgress, signal });
    return withSideCopy(image, this.#cache);
  }

  /** The place to fetch from, when all that was needed so far came out of the cache; a tag's HEAD has found it. */
  #reach(): Promise<RegistryClient> {
    const { signal } = this.#closed;
    this.#reached ??= this.#places.ask(async (client) => {
      if (this.#reference.digest !== undefined) await client.manifestDigest(this.#manifestName(), signal);
      return client;
    }, signal);
    return this.#reached;
  }

  #manifestName(): string {
    return this.#reference.digest ?? this.#identified ?? this.#reference.tag ?? "latest";
  }

  #signal(signal: AbortSignal): AbortSignal {
    if (this.#closed.signal.aborted) throw new SourceError("SOURCE_CLOSED", { what: JSON.stringify(this.#uri) });
    return AbortSignal.any([signal, this.#closed.signal]);
  }

  #store(connect: Connect): ImageStore {
    const cache = this.#cache;
    let prefetch: LayerPrefetch | undefined;
    const places = this.#places;
    const fetch = (client: RegistryClient, descriptor: Descriptor, signal: AbortSignal) =>
      new BlobStream({ client, descriptor, bufferSize: BUFFER_SIZE, signal });
    // From its first byte on, a layer may come from the place that took over from the one of the manifest.
    const fetchLayer: FetchLayer = (client, descriptor, options) => {
      const instead = (failed: RegistryClient, error: unknown) => places.instead(failed, error, options.signal);
      return new BlobStream({ client: places.current ?? client, descriptor, instead, ...options });
    };
    return {
      readManifest: async (descriptor, signal) => readChild(await connect(), descriptor, signal),
      readBlob: async (descriptor, signal) => {
        const chunks: Buffer[] = [];
        const stream = fetch(await connect(), descriptor, signal);
        for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
        const bytes = Buffer.concat(chunks);
        checkBlob(bytes, descriptor);
        return bytes;
      },
      openLayer: async (layers, index, signal): Promise<Readable> => {
        const both = this.#signal(signal);
        both.throwIfAborted();
        if (prefetch === undefined) {
          // The source's life, not one reader's: a layer that waits outlives the opening of the one above.
          const life = this.#closed.signal;
          const client = cache === undefined ? await connect() : undefined;
          prefetch = new LayerPrefetch((i) => {
            const descriptor = layers[i] as Descriptor;
            if (client !== undefined) return fetchLayer(client, descriptor, { bufferSize: BUFFER_SIZE, signal: life });
            return (cache as BlobCache).stream(descriptor, fetchThrough(connect, descriptor, fetchLayer), BUFFER_SIZE);
          });
          this.#prefetches.add(prefetch);
        }
        const stream = prefetch.take(index, both);
        if (stream instanceof CachedBlobStream) await stream.located;
        return stream;
      },
      detachLayer: async (layers, index, signal) => {
        this.#signal(signal).throwIfAborted();
        const descriptor = layers[index] as Descriptor;
        // What the cache has or takes goes through this thread, which knows of its bounds and troubles.
        if (await cache?.concerns(descriptor)) return undefined;
        const client = places.current ?? (await connect());
        return detachBlob(descriptor, {
          places,
          client,
          onProgress: this.#options.onProgress,
          closed: this.#closed.signal,
        });
      },
    };
  }
}

/** Gives the client to fetch with, once something has to be fetched. */
type Connect = () => Promise<RegistryClient>;

type FetchLayer = (
  client: RegistryClient,
  descriptor: Descriptor,
  options: Pick<BlobStreamOptions, "offset" | "bufferSize" | "signal">,
) => BlobStream;

/** What goes through the cache waits there for its reader: little need wait here. */
const PASSING_BUFFER_SIZE = 256 * 1024;

function fetchThrough(connect: Connect, descriptor: Descriptor, fetch: FetchLayer): FetchBlob {
  return async function* (offset, signal) {
    const client = await connect();
    yield* fetch(client, descriptor, { offset, bufferSize: PASSING_BUFFER_SIZE, signal });
  };
}

async function readChild(client: RegistryClient, descriptor: Descriptor, signal: AbortSignal): Promise<ServedManifest> {
  const served = await client.manifest(descriptor.digest, signal);
  checkBlob(served.bytes, descriptor);
  return { ...served, mediaType: served.mediaType ?? descriptor.mediaType };
}
