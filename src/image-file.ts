import { stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConvertTuning } from "./build/tuning.ts";
import { CacheError } from "./cache/errors.ts";
import { foreignAccess, notWritable } from "./cache/foreign-access.ts";
import {
  cachedImagePath,
  imageFolder,
  imageKey,
  leasePath,
  prepareImageFolder,
  sweepImageFolder,
} from "./cache/image-folder.ts";
import { findOrMake, type LeaseTiming } from "./cache/lease.ts";
import { cacheLocations } from "./cache/location.ts";
import { recallReference, rememberReference } from "./cache/references.ts";
import { convert } from "./convert.ts";
import { withImageFile } from "./image/open-image.ts";
import type { Digest } from "./oci/digest.ts";
import type { ImageSource } from "./oci/image.ts";
import { type PlatformRequest, requestPlatform } from "./oci/platform.ts";
import { parseSourceUri, type SourceUri } from "./oci/source-uri.ts";
import type { OnProgress } from "./progress.ts";
import { removeTree } from "./sandbox/remove-tree.ts";
import { makeTemporaryFolder } from "./sandbox/temporary-folder.ts";
import { FileSink } from "./sink/file-sink.ts";
import { createSource } from "./source/open-source.ts";
import type { SourceOptions } from "./source/options.ts";

/** How an image is got at that is to be run. */
export interface ImageFileOptions {
  /** How its source is opened; `cache` in it is the one of blobs. */
  readonly source?: Omit<SourceOptions, "env" | "onProgress">;
  /** Variables that say where the cache is, and for credentials and proxies; `process.env` by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Ask no registry: what the reference led to last time is taken (`--offline`). */
  readonly offline?: boolean;
  /** Neither look into the cache nor keep anything there (`--disable-cache`): the SIF is a temporary file. */
  readonly disableCache?: boolean;
  /** For that temporary file; the system's folder by default. */
  readonly temporaryDirectory?: string | undefined;
  readonly tuning?: ConvertTuning;
  readonly sourceDateEpoch?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** For tests. @internal */
  readonly timing?: Partial<LeaseTiming>;
}

/** An image as a file that can be run. */
export interface RunnableImage {
  /** A whole SIF. */
  readonly path: string;
  /** Whether it stays for the next run. */
  readonly cached: boolean;
  /** Whether it was made by this call. */
  readonly converted: boolean;
  /** Removes a temporary file, when the image is not needed any more; nothing for a cached one. Safe to call twice. */
  release(): Promise<void>;
}

/**
 * The SIF of an image that a URI names. It is converted once and kept in the cache by its digest: after that a
 * registry is asked for the digest (a HEAD request, none where the reference has a digest), or, offline, nothing.
 * Of any number of processes that want it at once, one converts it.
 *
 * Throws `CacheError` NOT_IN_CACHE, what `createSource` throws, and what `convert` rejects with.
 */
export async function imageFile(uri: string, options: ImageFileOptions = {}): Promise<RunnableImage> {
  const request = openRequest(uri, options);
  if (options.disableCache === true) return withSource(request, (source) => convertAside(source, request));
  const isTrusted = checkTrust(request);
  if (options.offline === true && isRemote(request.parsed)) {
    if (!isTrusted) throw new CacheError("NOT_IN_CACHE", { uri, root: request.root });
    return findOffline(request);
  }
  return withSource(request, (source) => (isTrusted ? findOrConvert : convertAside)(source, request));
}

/**
 * Whether images of the cache are run: whoever can write there decides what they are. A user who shares a cache with
 * others is told of it; root, who would hand over more than a user's own files, runs none of them.
 */
function checkTrust({ root, onProgress }: ImageRequest): boolean {
  const folder = imageFolder(root);
  const problem = foreignAccess(folder);
  if (problem === undefined) return true;
  const isRoot = process.geteuid?.() === 0;
  const what = isRoot
    ? "Cache disabled - root runs no images from"
    : "Whoever can write there decides what is run from";
  const remedy = `Name a cache of your own with SIFON_CACHEDIR${isRoot ? ", or run as its owner" : ", or close it (chmod go-w)"}`;
  onProgress({ kind: "warning", message: `${what} ${folder}: ${problem}. ${remedy}` });
  return !isRoot;
}

interface ImageRequest {
  readonly uri: string;
  readonly parsed: SourceUri;
  readonly platform: PlatformRequest;
  readonly root: string;
  readonly options: ImageFileOptions;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

function openRequest(uri: string, options: ImageFileOptions): ImageRequest {
  const { env = process.env, source, signal = new AbortController().signal, onProgress = () => {} } = options;
  const { root } = cacheLocations(env);
  const platform = source?.platform ?? requestPlatform({ env });
  return { uri, parsed: parseSourceUri(uri), platform, root, options, signal, onProgress };
}

/** Whether finding the image needs something beyond this machine's files. */
function isRemote({ transport }: SourceUri): boolean {
  return transport === "docker" || transport === "docker-daemon";
}

async function withSource<T>(request: ImageRequest, use: (source: ImageSource) => Promise<T>): Promise<T> {
  const { uri, options, platform, onProgress } = request;
  const { env = process.env } = options;
  const source = createSource(uri, { ...options.source, platform, env, onProgress });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

async function findOffline(request: ImageRequest): Promise<RunnableImage> {
  const { uri, parsed, platform, root } = request;
  const digest = parsed.transport === "docker" ? parsed.reference.digest : undefined;
  const key = digest === undefined ? (await recallReference(root, uri, platform))?.key : imageKey(digest, platform);
  const found = key === undefined ? undefined : await findImage(request, key);
  if (found === undefined) throw new CacheError("NOT_IN_CACHE", { uri, root });
  return found;
}

async function findOrConvert(source: ImageSource, request: ImageRequest): Promise<RunnableImage> {
  const { uri, parsed, platform, root, signal, onProgress } = request;
  const key = imageKey(await currentDigest(source, request), platform);
  if (isRemote(parsed)) await rememberReference(root, { reference: uri, key }, platform);
  const found = await findImage(request, key);
  if (found !== undefined) return found;
  try {
    await prepareImageFolder(root);
  } catch {
    onProgress({ kind: "warning", message: notWritable(root) });
    return convertAside(source, request);
  }
  return findOrMake({
    path: leasePath(root, key),
    find: () => findImage(request, key),
    make: async () => {
      await sweepImageFolder(root, key);
      const path = cachedImagePath(root, key);
      await convertTo(path, source, request);
      return { path, cached: true, converted: true, release: async () => {} };
    },
    onWait: () => onProgress({ kind: "waiting", what: uri }),
    signal,
    ...(request.options.timing === undefined ? {} : { timing: request.options.timing }),
  });
}

/** What the reference leads to now; where that cannot be asked, it is told what `--offline` would give. */
async function currentDigest(source: ImageSource, request: ImageRequest): Promise<Digest> {
  const { uri, parsed, platform, root, signal, onProgress } = request;
  try {
    return source.identify === undefined
      ? (await source.resolve({ signal })).manifestDigest
      : await source.identify({ signal });
  } catch (error) {
    signal.throwIfAborted();
    const known = isRemote(parsed) ? await recallReference(root, uri, platform) : undefined;
    if (known !== undefined && (await isWhole(cachedImagePath(root, known.key)))) {
      const date = new Date(known.askedMs).toISOString().slice(0, 16).replace("T", " ");
      const message = `The image is in the cache as it was on ${date} UTC, and runs without a request (offline)`;
      onProgress({ kind: "warning", message });
    }
    throw error;
  }
}

/** A SIF of the cache that can be used. */
async function findImage(request: ImageRequest, key: string): Promise<RunnableImage | undefined> {
  const { uri, root, onProgress } = request;
  const path = cachedImagePath(root, key);
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  if (!(await isWhole(path))) {
    // Whoever makes it anew puts it in the place of this one: to remove it here could hit the new one.
    onProgress({ kind: "warning", message: `Cached image ${path} is damaged; it is not used` });
    return undefined;
  }
  // Its time of change says when it was used last.
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
  onProgress({ kind: "image-reused", reference: uri, path });
  return { path, cached: true, converted: false, release: async () => {} };
}

/**
 * Whether a file is a SIF whose root file system has its tables and its last bytes. Files get their name when they
 * are whole and on disk; this finds what was cut or overwritten since, without reading it all.
 */
async function isWhole(path: string): Promise<boolean> {
  try {
    return await withImageFile(path, async (image) => {
      const root = await image.root();
      return image.sif !== undefined && (await root.lookup(".singularity.d")) !== undefined;
    });
  } catch {
    return false;
  }
}

async function convertAside(source: ImageSource, request: ImageRequest): Promise<RunnableImage> {
  const folder = await makeTemporaryFolder(request.options.temporaryDirectory ?? tmpdir(), "sifon-image");
  const release = () => removeTree(folder);
  try {
    const path = join(folder, "image.sif");
    await convertTo(path, source, request);
    return { path, cached: false, converted: true, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function convertTo(path: string, source: ImageSource, request: ImageRequest): Promise<void> {
  const { signal, onProgress, options } = request;
  const { sourceDateEpoch, tuning } = options;
  // A run that began on the same file before, and was taken for dead, gives the same bytes.
  const sink = await FileSink.open(path, { overwrite: true, onProgress });
  await convert({ source, sink, signal, onProgress, sourceDateEpoch, ...tuning });
}
