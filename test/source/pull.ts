import { verifyBlob } from "../../src/layer/verify.ts";
import type { Image, ImageSource } from "../../src/oci/image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { RegistrySource } from "../../src/source/registry/registry-source.ts";
import type { FakeRegistry } from "../support/registry-server.ts";

/** Short waits, nothing of this machine's environment. */
export const QUICK: SourceOptions = {
  noHttps: true,
  env: { HOME: "/nonexistent" },
  platform: { os: "linux", architecture: "amd64", explicit: false },
  retry: { attempts: 4, baseDelayMs: 1, maxDelayMs: 5, maxRetryAfterMs: 2_000 },
  timeouts: { connectMs: 2_000, headersMs: 200, stallMs: 200 },
};

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

/** Reads all layers from the top down, each checked; gives them lowest first. */
export async function readLayers(image: Image, signal: AbortSignal = never): Promise<Buffer[]> {
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
export async function pullAll(source: ImageSource, signal: AbortSignal = never): Promise<Buffer[]> {
  try {
    return await readLayers(await source.resolve({ signal }), signal);
  } finally {
    await source.close();
  }
}
