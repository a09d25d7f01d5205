import { createHash } from "node:crypto";
import { addAbortSignal, type Readable } from "node:stream";
import { detectCompression } from "../../layer/decompress.ts";
import { MAX_CONFIG_SIZE, parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { computeDigest, type Digest, isDigest } from "../../oci/digest.ts";
import type { Image, ImageSource } from "../../oci/image.ts";
import { ManifestType } from "../../oci/media-types.ts";
import { requestPlatform } from "../../oci/platform.ts";
import { checkBlob } from "../check-blob.ts";
import { SourceError } from "../errors.ts";
import { OciLayoutSource } from "../oci-layout.ts";
import type { SourceOptions } from "../options.ts";
import { resolveImage } from "../resolve-image.ts";
import type { ArchiveFile } from "./archive-file.ts";
import { archiveLayout } from "./archive-layout.ts";
import type { OpenedArchive } from "./open-archive.ts";
import { chooseSavedImage, readSavedImages, type SavedImage } from "./saved-images.ts";

/** What `docker save` writes, and podman, skopeo and kaniko after it: `docker-archive:`, `docker-daemon:`. */
export class DockerArchiveSource implements ImageSource {
  readonly #uri: string;
  readonly #options: SourceOptions;
  readonly #openArchive: (signal: AbortSignal) => Promise<OpenedArchive>;
  /** Present where a daemon knows the image's id without packing it up. */
  readonly identify?: (options: { readonly signal: AbortSignal }) => Promise<Digest>;
  #archive: Promise<OpenedArchive> | undefined;
  /** The layout inside an archive of Docker 25 and later. */
  #layout: OciLayoutSource | undefined;
  #closed = false;

  constructor(
    uri: string,
    openArchive: (signal: AbortSignal) => Promise<OpenedArchive>,
    options: SourceOptions = {},
    identify?: (signal: AbortSignal) => Promise<Digest>,
  ) {
    this.#uri = uri;
    if (identify !== undefined) this.identify = ({ signal }) => identify(signal);
    this.#openArchive = openArchive;
    this.#options = options;
  }

  async resolve({ signal }: { readonly signal: AbortSignal }): Promise<Image> {
    signal.throwIfAborted();
    if (this.#closed) throw new SourceError("SOURCE_CLOSED", { what: JSON.stringify(this.#uri) });
    this.#archive ??= this.#openArchive(signal);
    const { archive, name } = await this.#archive;
    const uri = this.#uri;
    if (archive.size("manifest.json") === undefined) {
      // Apptainer takes such an archive for an OCI one (1.4.5), whatever it is called.
      if (archive.size("index.json") === undefined) throw new SourceError("ARCHIVE_MANIFEST_MISSING", { uri });
      this.#layout ??= new OciLayoutSource(uri, undefined, async () => archiveLayout(archive, name), this.#options);
      return this.#layout.resolve({ signal });
    }
    const images = await readSavedImages(archive, uri, signal);
    return resolveSaved(archive, chooseSavedImage(images, name, uri), uri, this.#options, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#layout?.close();
    const opened = await this.#archive?.catch(() => undefined);
    await opened?.archive.close();
  }
}

/** Gives such an image the manifest that it lacks, as skopeo does on the way into a registry. */
async function resolveSaved(
  archive: ArchiveFile,
  saved: SavedImage,
  uri: string,
  options: SourceOptions,
  signal: AbortSignal,
): Promise<Image> {
  const configBytes = await archive.read(saved.config, MAX_CONFIG_SIZE, signal);
  const { diffIds } = parseImageConfig(configBytes, `the config of ${JSON.stringify(uri)}`);
  const config = {
    mediaType: "application/vnd.docker.container.image.v1+json",
    size: configBytes.length,
    digest: computeDigest(configBytes),
  };
  const layers: Descriptor[] = [];
  for (const [i, name] of saved.layers.entries()) layers.push(await describeLayer(archive, name, diffIds[i], signal));
  const manifest = { schemaVersion: 2, mediaType: ManifestType.dockerManifest, config, layers };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const platform = options.platform ?? requestPlatform();
  const store = {
    readManifest: () =>
      Promise.reject(new SourceError("ARCHIVE_INVALID", { uri, problem: "its manifest is an index" })),
    readBlob: async (descriptor: Descriptor) => {
      checkBlob(configBytes, descriptor);
      return configBytes;
    },
    openLayer: async (_: readonly Descriptor[], index: number, layerSignal: AbortSignal): Promise<Readable> => {
      layerSignal.throwIfAborted();
      return addAbortSignal(layerSignal, archive.open(saved.layers[index] as string, layerSignal));
    },
    detachLayer: async (_: readonly Descriptor[], index: number) => {
      const description = archive.locate(saved.layers[index] as string);
      return description === undefined ? undefined : { description };
    },
  };
  // The manifest is made up here, so that its digest would name nothing; the config's is the image's id in Docker.
  const top = { bytes, digest: config.digest, mediaType: ManifestType.dockerManifest };
  return resolveImage(top, store, { reference: uri, platform, onProgress: options.onProgress, signal });
}

/**
 * A layer's digest: its name tells it in newer archives; a layer stored uncompressed, as `docker save` does,
 * is what its diffID names; for others the bytes are read once.
 */
async function describeLayer(
  archive: ArchiveFile,
  name: string,
  diffId: Digest | undefined,
  signal: AbortSignal,
): Promise<Descriptor> {
  const size = archive.size(name) ?? 0;
  const compression = detectCompression(await archive.head(name, signal), diffId ?? "sha256:");
  const base = "application/vnd.docker.image.rootfs.diff.tar";
  const mediaType = compression === "none" ? base : `${base}.${compression}`;
  const [, algorithm, hex] = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(name) ?? [];
  const named = `${algorithm}:${hex}`;
  if (isDigest(named)) return { mediaType, size, digest: named };
  if (compression === "none" && diffId !== undefined) return { mediaType, size, digest: diffId };
  const hash = createHash("sha256");
  for await (const chunk of archive.open(name, signal) as AsyncIterable<Buffer>) hash.update(chunk);
  return { mediaType, size, digest: `sha256:${hash.digest("hex")}` };
}
