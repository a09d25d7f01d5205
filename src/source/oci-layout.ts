import { stat } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { LayerError } from "../layer/errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { Image, ImageSource } from "../oci/image.ts";
import { type ImageIndex, MAX_MANIFEST_SIZE, parseManifest } from "../oci/manifest.ts";
import { ManifestType } from "../oci/media-types.ts";
import { requestPlatform } from "../oci/platform.ts";
import { choosePlatform } from "../oci/platform-choice.ts";
import { checkBlob } from "./check-blob.ts";
import { SourceError } from "./errors.ts";
import { chooseLayoutEntries } from "./layout-choice.ts";
import { directoryFiles, type LayoutFiles } from "./layout-files.ts";
import type { SourceOptions } from "./options.ts";
import { type ImageStore, resolveImage } from "./resolve-image.ts";

/** Where in a layout an image is, as `oci:dir[:tag][@digest]` says. */
export interface LayoutLocation {
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** A layout that is open, and which of its images is meant. */
export interface OpenedLayout {
  readonly files: LayoutFiles;
  readonly tag: string | undefined;
}

/** An image in an OCI layout (OCI image spec 1.1, image-layout.md), wherever its files are. */
export class OciLayoutSource implements ImageSource {
  readonly #uri: string;
  readonly #digest: Digest | undefined;
  readonly #options: SourceOptions;
  readonly #openLayout: (signal: AbortSignal) => Promise<OpenedLayout>;
  readonly #live = new Set<Readable>();
  #layout: Promise<OpenedLayout> | undefined;
  readonly #closing = new AbortController();

  constructor(
    uri: string,
    digest: Digest | undefined,
    openLayout: (signal: AbortSignal) => Promise<OpenedLayout>,
    options: SourceOptions = {},
  ) {
    this.#uri = uri;
    this.#digest = digest;
    this.#options = options;
    this.#openLayout = openLayout;
  }

  async resolve({ signal }: { readonly signal: AbortSignal }): Promise<Image> {
    signal.throwIfAborted();
    this.#checkOpen();
    this.#layout ??= this.#openLayout(signal);
    const { files, tag } = await this.#layout;
    const uri = this.#uri;
    const platform = this.#options.platform ?? requestPlatform();
    const entries = chooseLayoutEntries(await this.#readIndex(files, signal), { uri, tag, digest: this.#digest });
    const [only] = entries;
    const entry = entries.length === 1 && only !== undefined ? only : choosePlatform(entries, platform, uri);
    const store = this.#store(files);
    const top = await store.readManifest(entry, signal);
    const { onProgress } = this.#options;
    return resolveImage(top, store, { reference: uri, platform, onProgress, signal });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const stream of this.#live) stream.destroy();
    this.#live.clear();
    const layout = await this.#layout?.catch(() => undefined);
    await layout?.files.close();
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new SourceError("SOURCE_CLOSED", { what: JSON.stringify(this.#uri) });
  }

  async #readIndex(files: LayoutFiles, signal: AbortSignal): Promise<ImageIndex> {
    const uri = this.#uri;
    // Deviates: a missing `oci-layout` file is let pass, as Apptainer does; some tools leave it out.
    const size = await files.size("index.json");
    if (typeof size === "string") throw new SourceError("LAYOUT_INVALID", { uri, problem: `stat index.json: ${size}` });
    const what = `the index.json of ${JSON.stringify(uri)}`;
    if (size > MAX_MANIFEST_SIZE) {
      const kind = "index of a layout";
      throw new OciError("DOCUMENT_TOO_LARGE", { what, seen: size, limit: MAX_MANIFEST_SIZE, kind });
    }
    const bytes = await files.read("index.json", MAX_MANIFEST_SIZE, signal);
    const index = parseManifest(bytes, { what, mediaType: ManifestType.ociIndex });
    if (index.kind === "index") return index;
    throw new SourceError("LAYOUT_INVALID", { uri, problem: "its index.json is an image manifest, not an index" });
  }

  #store(files: LayoutFiles): ImageStore {
    const readBlob = async (descriptor: Descriptor, signal: AbortSignal) => {
      const name = await this.#checkFile(files, descriptor);
      const bytes = await files.read(name, descriptor.size, signal);
      checkBlob(bytes, descriptor);
      return bytes;
    };
    return {
      readBlob,
      readManifest: async (descriptor, signal) => {
        const { digest, size, mediaType } = descriptor;
        const what = `the manifest of ${JSON.stringify(this.#uri)}`;
        if (size > MAX_MANIFEST_SIZE) {
          throw new OciError("DOCUMENT_TOO_LARGE", { what, seen: size, limit: MAX_MANIFEST_SIZE });
        }
        return { bytes: await readBlob(descriptor, signal), digest, mediaType };
      },
      openLayer: async (layers, index, signal) => {
        signal.throwIfAborted();
        this.#checkOpen();
        const name = await this.#checkFile(files, layers[index] as Descriptor);
        return this.#track(addAbortSignal(signal, files.open(name, signal)));
      },
      detachLayer: async (layers, index, signal) => {
        signal.throwIfAborted();
        this.#checkOpen();
        const description = files.locate(await this.#checkFile(files, layers[index] as Descriptor));
        return description === undefined ? undefined : { description, closed: this.#closing.signal };
      },
    };
  }

  /** A blob must be there whole before anything of it is used. Gives its name. */
  async #checkFile(files: LayoutFiles, { digest, size }: Descriptor): Promise<string> {
    const name = `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
    const seen = await files.size(name);
    if (typeof seen === "string") {
      const what = `reading blob ${digest} of ${JSON.stringify(this.#uri)}`;
      throw new SourceError("BLOB_MISSING", { what, path: name, problem: seen });
    }
    if (seen !== size) throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen });
    return name;
  }

  #track(stream: Readable): Readable {
    this.#live.add(stream);
    stream.once("close", () => this.#live.delete(stream));
    return stream;
  }
}

/**
 * Opens a layout directory: `oci:`. A colon may belong to the path: `oci:a:b` is the directory `a:b` if
 * there is one and no `a`. Throws `SourceError` LAYOUT_NOT_FOUND.
 */
export async function openLayoutDirectory(uri: string, { path, tag }: LayoutLocation): Promise<OpenedLayout> {
  if (await isDirectory(path)) return { files: directoryFiles(path), tag };
  const whole = `${path}:${tag}`;
  if (tag !== undefined && (await isDirectory(whole))) return { files: directoryFiles(whole), tag: undefined };
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  const problem = exists ? "is not a directory (for a tar file, write oci-archive:)" : "does not exist";
  throw new SourceError("LAYOUT_NOT_FOUND", { uri, path: JSON.stringify(path), problem });
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
