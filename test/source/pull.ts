import { LayerThreads, type LayerThreadsOptions } from "../../src/layer/thread/layer-threads.ts";
import { verifyBlob } from "../../src/layer/verify.ts";
import type { Image, ImageSource, Layer } from "../../src/oci/image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { RegistrySource } from "../../src/source/registry/registry-source.ts";
import { LAYER_THREAD } from "../../src/source/thread/program.ts";
import type { FakeRegistry } from "../support/registry-server.ts";
import { filesToTar } from "../tar/file-tar.ts";

/**
 * Nothing of this machine's environment, and short waits before a further try. Whoever answers in a test lives in the
 * same process, or on a machine with more to do than it can: its silence is waited for, unless it is what a test wants.
 */
export const QUICK: SourceOptions = {
  noHttps: true,
  env: { HOME: "/nonexistent" },
  platform: { os: "linux", architecture: "amd64", explicit: false },
  retry: { attempts: 4, baseDelayMs: 1, maxDelayMs: 5, maxRetryAfterMs: 2_000 },
  timeouts: { connectMs: 60_000, headersMs: 60_000, stallMs: 60_000 },
};

/** For a server that says nothing, and one that falls silent in the middle; neither takes a slow one for the other. */
export const NO_ANSWER = { timeouts: { headersMs: 200, stallMs: 60_000 } } as const satisfies SourceOptions;
export const NOTHING_MORE = { timeouts: { headersMs: 60_000, stallMs: 200 } } as const satisfies SourceOptions;

export const never: AbortSignal = new AbortController().signal;

/** A source of `host/some/image:latest` with its events, but for those of transfers that go well. */
export function sourceOf(
  registry: FakeRegistry,
  options: SourceOptions = {},
): { source: RegistrySource; events: ProgressEvent[] } {
  const events: ProgressEvent[] = [];
  const reference = { registry: registry.host, repository: "some/image", tag: "latest", digest: undefined };
  const onProgress = (event: ProgressEvent) => {
    if (!event.kind.startsWith("blob-")) events.push(event);
  };
  const source = new RegistrySource(`docker://${registry.host}/some/image`, reference, {
    ...QUICK,
    onProgress,
    ...options,
  });
  return { source, events };
}

/** Who receives the layers. */
export const WAYS = ["this thread", "layer threads"] as const;
export type Way = (typeof WAYS)[number];

/** Layer threads for layers whose stored bytes count, not what they unpack to. */
export function threadsFor(
  layers: readonly Layer[],
  signal: AbortSignal,
  options: Partial<LayerThreadsOptions> = {},
): LayerThreads {
  const plain = layers.map((layer) => ({ ...layer, diffId: undefined }));
  return new LayerThreads(plain, { program: LAYER_THREAD, signal, threadCount: 2, bufferSize: 2 << 20, ...options });
}

async function readByThreads({ layers }: Image, signal: AbortSignal): Promise<Buffer[]> {
  const threads = threadsFor(layers, signal);
  const read: Buffer[] = [];
  try {
    for (let i = layers.length - 1; i >= 0; i--) read.unshift(await filesToTar(threads.entries(i)));
    return read;
  } finally {
    await threads.close();
  }
}

/**
 * Reads all layers from the top down, each checked; gives them lowest first. Layer threads unpack them, too, and give
 * what is in them: that is put together again.
 */
export async function readLayers(
  image: Image,
  signal: AbortSignal = never,
  way: Way = "this thread",
): Promise<Buffer[]> {
  if (way === "layer threads") return readByThreads(image, signal);
  const layers: Buffer[] = [];
  for (const layer of [...image.layers].reverse()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of verifyBlob(await layer.open({ signal }), layer.descriptor))
      chunks.push(Buffer.from(chunk));
    layers.unshift(Buffer.concat(chunks));
  }
  return layers;
}

/** Resolves and reads everything, then closes. */
export async function pullAll(
  source: ImageSource,
  signal: AbortSignal = never,
  way: Way = "this thread",
): Promise<Buffer[]> {
  try {
    return await readLayers(await source.resolve({ signal }), signal, way);
  } finally {
    await source.close();
  }
}
