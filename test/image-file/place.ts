import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";
import { type ImageFileOptions, imageFile, type RunnableImage } from "../../src/image-file.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { makeImage, type TestImage } from "../support/registry-image.ts";
import { type FakeRegistry, startFakeRegistry } from "../support/registry-server.ts";

const FETCH = fileURLToPath(new URL("fetch.mjs", import.meta.url));

/** What a process of its own has got. */
export interface Fetched {
  readonly path?: string;
  readonly cached?: boolean;
  readonly converted?: boolean;
  readonly error?: string;
  readonly warnings: readonly string[];
}

/** A registry with one image, and a home with a cache. */
export interface ImagePlace {
  readonly registry: FakeRegistry;
  readonly uri: string;
  /** Digest of the image's top layer. */
  readonly layer: string;
  readonly home: string;
  readonly root: string;
  readonly events: ProgressEvent[];
  fetch(options?: ImageFileOptions & { readonly uri?: string }): Promise<RunnableImage>;
  /** Starts a process that fetches; `merging` resolves when it is in the middle of a conversion. */
  start(options?: { readonly uri?: string; readonly offline?: boolean }): {
    readonly fetched: Promise<Fetched>;
    readonly merging: Promise<void>;
    kill(): void;
  };
  /** Requests since the last call, as `METHOD kind`. */
  requests(): string[];
  /** Files of the folder of images, hidden ones too. */
  files(): Promise<string[]>;
}

export async function makeSmallImage(options: Parameters<typeof makeImage>[0] = {}): Promise<TestImage> {
  // Without digests of the tars: those that makeImage makes up are wrong.
  return makeImage({ diffIds: [], ...options });
}

export async function createImagePlace(
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
  image?: TestImage,
): Promise<ImagePlace> {
  const registry = await startFakeRegistry();
  onTestFinished(() => registry.close());
  const pushed = image ?? (await makeSmallImage());
  registry.push(pushed);
  const manifest = JSON.parse(String(pushed.blobs.get(pushed.descriptor.digest))) as {
    readonly layers?: readonly { readonly digest: string }[];
  };
  const home = await mkdtemp(join(tmpdir(), "sifon-images-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const root = join(home, ".sifon", "cache");
  const events: ProgressEvent[] = [];
  const uri = `docker://${registry.host}/some/image`;
  const env = { HOME: home };
  const source = { noHttps: true };
  return {
    registry,
    uri,
    layer: manifest.layers?.at(-1)?.digest ?? "",
    home,
    root,
    events,
    fetch: ({ uri: other = uri, ...options } = {}) =>
      imageFile(other, {
        env,
        source,
        tuning: { workers: 0 },
        onProgress: (event) => void events.push(event),
        ...options,
      }),
    start: ({ uri: other = uri, ...options } = {}) => {
      const given = JSON.stringify({ env, source, tuning: { workers: 0 }, ...options });
      const child = spawn(process.execPath, [FETCH, other, given], { stdio: ["ignore", "pipe", "pipe"] });
      const fetched = text(child.stdout).then((line) => JSON.parse(line) as Fetched);
      fetched.catch(() => {});
      const merging = new Promise<void>((resolve) => child.stderr.once("data", () => resolve()));
      return { fetched, merging, kill: () => void child.kill("SIGKILL") };
    },
    requests: () =>
      registry.requests
        .splice(0)
        .map(({ method, url }) => `${method} ${url.includes("/blobs/") ? "blob" : "manifest"}`),
    files: async () => (await readdir(join(root, "oci-tmp")).catch((): string[] => [])).sort(),
  };
}
