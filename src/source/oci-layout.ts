import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { addAbortSignal, type Readable } from "node:stream";
import { LayerError } from "../layer/errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { Image, ImageSource } from "../oci/image.ts";
import { type ImageIndex, MANIFEST_SIZE_LIMIT, parseManifest } from "../oci/manifest.ts";
import { ManifestType } from "../oci/media-types.ts";
import { requestPlatform } from "../oci/platform.ts";
import { choosePlatform } from "../oci/platform-choice.ts";
import { checkBlob } from "./check-blob.ts";
import { SourceError } from "./errors.ts";
import { chooseLayoutEntries } from "./layout-choice.ts";
import type { SourceOptions } from "./options.ts";
import { type ImageStore, resolveImage } from "./resolve-image.ts";

/** Where in a layout an image is, as `oci:dir[:tag][@digest]` says. */
export interface LayoutLocation {
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** Reads of 256 KiB: larger ones gain nothing once the decompressor is the slower part. */
const READ_SIZE = 256 * 1024;

/** An image in an OCI layout directory (OCI image spec 1.1, image-layout.md): `oci:`. */
export class OciLayoutSource implements ImageSource {
  readonly #uri: string;
  readonly #location: LayoutLocation;
  readonly #options: SourceOptions;
  readonly #live = new Set<Readable>();
  #closed = false;

  constructor(uri: string, location: LayoutLocation, options: SourceOptions = {}) {
    this.#uri = uri;
    this.#location = location;
    this.#options = options;
  }

  async resolve({ signal }: { readonly signal: AbortSignal }): Promise<Image> {
    signal.throwIfAborted();
    const { path, tag } = await this.#locate();
    const { digest } = this.#location;
    const uri = this.#uri;
    const platform = this.#options.platform ?? requestPlatform();
    const entries = chooseLayoutEntries(await this.#readIndex(path), { uri, tag, digest });
    const [only] = entries;
    const entry = entries.length === 1 && only !== undefined ? only : choosePlatform(entries, platform, uri);
    const store = this.#store(path);
    const top = await store.readManifest(entry, signal);
    const { onProgress } = this.#options;
    return resolveImage(top, store, { reference: uri, platform, onProgress, signal });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#live) stream.destroy();
    this.#live.clear();
  }

  /** A colon may belong to the path: `oci:a:b` is the directory `a:b` if there is one and no `a`. */
  async #locate(): Promise<{ path: string; tag: string | undefined }> {
    const { path, tag } = this.#location;
    if (await isDirectory(path)) return { path, tag };
    const whole = `${path}:${tag}`;
    if (tag !== undefined && (await isDirectory(whole))) return { path: whole, tag: undefined };
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    const problem = exists ? "is not a directory (for a tar file, write oci-archive:)" : "does not exist";
    throw new SourceError("LAYOUT_NOT_FOUND", { uri: this.#uri, path: JSON.stringify(path), problem });
  }

  async #readIndex(path: string): Promise<ImageIndex> {
    const uri = this.#uri;
    const invalid = (problem: string, cause?: unknown) =>
      new SourceError("LAYOUT_INVALID", { uri, problem, ...(cause === undefined ? {} : { cause }) });
    const file = join(path, "index.json");
    // Deviates: a missing `oci-layout` file is let pass, as Apptainer does; some tools leave it out.
    const bytes = await readLimited(file, MANIFEST_SIZE_LIMIT).catch((cause: NodeJS.ErrnoException) => {
      if (cause instanceof OciError) throw cause;
      throw invalid(`stat ${file}: ${cause.code === "ENOENT" ? "no such file or directory" : cause.message}`, cause);
    });
    const index = parseManifest(bytes, { what: `"${file}"`, mediaType: ManifestType.ociIndex });
    if (index.kind !== "index") throw invalid(`${file} is an image manifest, not an index`);
    return index;
  }

  #store(path: string): ImageStore {
    const blobPath = ({ digest }: Descriptor) => join(path, "blobs", digestAlgorithm(digest), digestHex(digest));
    const readBlob = async (descriptor: Descriptor) => {
      const what = `reading blob ${descriptor.digest} of ${JSON.stringify(this.#uri)}`;
      const file = blobPath(descriptor);
      await checkSize(file, descriptor, what);
      const bytes = await readFile(file);
      checkBlob(bytes, descriptor);
      return bytes;
    };
    return {
      readBlob,
      readManifest: async (descriptor) => {
        const { digest, size, mediaType } = descriptor;
        const what = `the manifest of ${JSON.stringify(this.#uri)}`;
        if (size > MANIFEST_SIZE_LIMIT)
          throw new OciError("DOCUMENT_TOO_LARGE", { what, seen: size, limit: MANIFEST_SIZE_LIMIT });
        return { bytes: await readBlob(descriptor), digest, mediaType };
      },
      openLayer: async (layers, index, signal) => {
        signal.throwIfAborted();
        if (this.#closed) throw new SourceError("SOURCE_CLOSED", { what: JSON.stringify(this.#uri) });
        const descriptor = layers[index] as Descriptor;
        const file = blobPath(descriptor);
        await checkSize(file, descriptor, `reading blob ${descriptor.digest} of ${JSON.stringify(this.#uri)}`);
        return this.#track(addAbortSignal(signal, createReadStream(file, { highWaterMark: READ_SIZE })));
      },
    };
  }

  #track(stream: Readable): Readable {
    this.#live.add(stream);
    stream.once("close", () => this.#live.delete(stream));
    return stream;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** A blob file must be there whole before anything of it is used. */
async function checkSize(path: string, { digest, size }: Descriptor, what: string): Promise<void> {
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError("BLOB_MISSING", {
      what,
      path,
      problem: cause.code === "ENOENT" ? "does not exist" : `cannot be read (${cause.code})`,
      cause,
    });
  });
  if (!stats.isFile()) throw new SourceError("BLOB_MISSING", { what, path, problem: "is not a file" });
  if (stats.size !== size) throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen: stats.size });
}

async function readLimited(path: string, limit: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    if (size > limit) throw new OciError("DOCUMENT_TOO_LARGE", { what: JSON.stringify(path), seen: size, limit });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
