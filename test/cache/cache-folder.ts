import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "vitest";
import { BlobCache, type CacheOptions } from "../../src/cache/blob-cache.ts";
import { blobFolder, blobPath, partialFolder } from "../../src/cache/blob-folder.ts";
import type { FetchBlob } from "../../src/cache/cached-blob-stream.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { digestOf } from "../support/registry-image.ts";

/** A home directory of one test, with what a cache in it tells. */
export interface CachePlace {
  readonly home: string;
  readonly root: string;
  readonly events: ProgressEvent[];
  open(options?: CacheOptions): Promise<BlobCache>;
  /** Files below the cache's layout, relative, without oci-layout and index.json. */
  files(): Promise<string[]>;
  warnings(): string[];
}

export async function createCachePlace({ onTestFinished }: Pick<TestContext, "onTestFinished">): Promise<CachePlace> {
  const home = await mkdtemp(join(tmpdir(), "sifon-cache-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const root = join(home, ".sifon", "cache");
  const events: ProgressEvent[] = [];
  return {
    home,
    root,
    events,
    open: (options) =>
      BlobCache.open({ env: { HOME: home }, write: true, onProgress: (event) => events.push(event), ...options }),
    files: async () => {
      const all = await readdir(blobFolder(root), { recursive: true, withFileTypes: true }).catch(() => []);
      return all
        .filter((entry) => entry.isFile() && entry.name !== "oci-layout" && entry.name !== "index.json")
        .map((entry) => join(entry.parentPath, entry.name).slice(blobFolder(root).length + 1))
        .sort();
    },
    warnings: () => events.flatMap((event) => (event.kind === "warning" ? [event.message] : [])),
  };
}

export function describeBlob(bytes: Uint8Array): Descriptor {
  return { mediaType: "application/octet-stream", digest: digestOf(bytes), size: bytes.length };
}

/** Puts bytes where a blob of that name would be, right or wrong. */
export async function putBlob(root: string, { digest }: Descriptor, bytes: Uint8Array): Promise<string> {
  const path = blobPath(root, digest);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

/** A process number that nothing has: the kernel's largest is lower. */
export const DEAD_PID = 4_194_305;

/** Leaves the beginning of a blob as a run of `pid` on `host` would. */
export async function putPartial(
  root: string,
  { digest }: Descriptor,
  bytes: Uint8Array,
  { host, pid }: { readonly host: string; readonly pid: number },
): Promise<string> {
  const path = join(partialFolder(root), `${digest.replace(":", "-")}.${host}.${pid}.aabbccddeeff`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

/** Serves bytes in pieces; remembers from where it was asked. */
export function fetchFrom(bytes: Buffer, options: { readonly failAt?: number } = {}): FetchBlob & { asked: number[] } {
  const asked: number[] = [];
  const fetch: FetchBlob = async function* (offset) {
    asked.push(offset);
    for (let at = offset; at < bytes.length; at += 50_000) {
      if (options.failAt !== undefined && at + 50_000 > options.failAt) {
        yield bytes.subarray(at, options.failAt);
        throw new Error("the line is dead");
      }
      yield bytes.subarray(at, at + 50_000);
    }
  };
  return Object.assign(fetch, { asked });
}

export async function readAll(stream: Readable): Promise<Buffer> {
  return buffer(stream);
}
