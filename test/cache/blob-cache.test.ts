import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BlobCache } from "../../src/cache/blob-cache.ts";
import { blobFolder, blobPath } from "../../src/cache/blob-folder.ts";
import { createCachePlace, DEAD_PID, describeBlob, fetchFrom, putBlob, putPartial, readAll } from "./cache-folder.ts";

const BLOB = randomBytes(700_000);
const DESCRIPTOR = describeBlob(BLOB);
const NAME = `blobs/sha256/${DESCRIPTOR.digest.slice(7)}`;
const BUFFER_SIZE = 100_000;

const HOST = hostname().replace(/[^A-Za-z0-9-]/g, "_");

/** A matcher would walk the bytes one by one. */
function expectBytes(seen: Buffer, expected: Uint8Array): void {
  expect(seen.equals(expected)).toBe(true);
}

describe("BlobCache.open()", () => {
  it("makes an OCI layout that only its owner may read", async (context) => {
    const place = await createCachePlace(context);
    await place.open();
    const folder = blobFolder(place.root);
    expect(await readFile(join(folder, "oci-layout"), "utf8")).toBe('{"imageLayoutVersion":"1.0.0"}');
    expect(JSON.parse(await readFile(join(folder, "index.json"), "utf8"))).toEqual({ schemaVersion: 2, manifests: [] });
    for (const path of [place.root, folder, join(folder, "blobs")]) expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it("leaves the index that Apptainer wrote", async (context) => {
    const place = await createCachePlace(context);
    await mkdir(blobFolder(place.root), { recursive: true });
    await writeFile(join(blobFolder(place.root), "index.json"), "theirs");
    await place.open();
    expect(await readFile(join(blobFolder(place.root), "index.json"), "utf8")).toBe("theirs");
  });

  it("writes nothing unless it may", async (context) => {
    const place = await createCachePlace(context);
    const cache = await place.open({ write: false });
    expect([cache.readable, cache.writable]).toEqual([false, false]);
    expectBytes(await readAll(cache.stream(DESCRIPTOR, fetchFrom(BLOB), BUFFER_SIZE)), BLOB);
    await cache.keep(DESCRIPTOR.digest, BLOB);
    await expect(stat(join(place.home, ".sifon"))).rejects.toThrow("ENOENT");
  });

  it("goes on without a place that cannot be written, with Apptainer's words", async (context) => {
    const place = await createCachePlace(context);
    await writeFile(join(place.home, ".sifon"), "a file");
    const cache = await place.open();
    expect(cache.writable).toBe(false);
    expect(place.warnings()).toEqual([
      expect.stringMatching(
        /^Cache disabled - cache location .* is not writable\. .*ame another place with SIFON_CACHEDIR\.$/,
      ),
    ]);
    expectBytes(await readAll(cache.stream(DESCRIPTOR, fetchFrom(BLOB), BUFFER_SIZE)), BLOB);
  });

  it("sweeps begun blobs that are whole by now, and those of two weeks ago", async (context) => {
    const place = await createCachePlace(context);
    const dead = { host: HOST, pid: DEAD_PID };
    await putBlob(place.root, DESCRIPTOR, BLOB);
    await putPartial(place.root, DESCRIPTOR, BLOB.subarray(0, 9), dead);
    const old = await putPartial(place.root, describeBlob(BLOB.subarray(1)), BLOB.subarray(1, 9), dead);
    const kept = await putPartial(place.root, describeBlob(BLOB.subarray(2)), BLOB.subarray(2, 9), dead);
    const then = new Date(Date.now() - 15 * 24 * 3_600_000);
    await utimes(old, then, then);
    await place.open();
    expect(await place.files()).toEqual([NAME, kept.slice(blobFolder(place.root).length + 1)]);
  });

  it("takes a folder that it cannot write to for unwritable", async (context) => {
    const place = await createCachePlace(context);
    await place.open();
    const partial = join(blobFolder(place.root), "partial");
    if (process.getuid?.() === 0) {
      // Permissions do not stop root; what is no folder does.
      await rm(partial, { recursive: true });
      await writeFile(partial, "");
    } else {
      await chmod(partial, 0o500);
    }
    expect((await place.open()).writable).toBe(false);
  });
});

describe("BlobCache.stream()", () => {
  it("keeps what is fetched, and serves it the next time", async (context) => {
    const place = await createCachePlace(context);
    const fetch = fetchFrom(BLOB);
    expectBytes(await readAll((await place.open()).stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(await place.files()).toEqual([NAME]);
    expect(place.events).toEqual([]);
    const again = (await place.open({ write: false })).stream(DESCRIPTOR, fetch, BUFFER_SIZE);
    await again.located;
    expect(place.events).toMatchObject([{ kind: "blob-reused", digest: DESCRIPTOR.digest }]);
    expectBytes(await readAll(again), BLOB);
    expect(fetch.asked).toEqual([0]);
  });

  it("keeps nothing whose digest is wrong, yet passes it on to the one who checks", async (context) => {
    const place = await createCachePlace(context);
    const wrong = Buffer.from(BLOB).fill(0, 5, 6);
    const cache = await place.open();
    expectBytes(await readAll(cache.stream(DESCRIPTOR, fetchFrom(wrong), BUFFER_SIZE)), wrong);
    expect(await place.files()).toEqual([]);
  });

  it.for([
    ["a changed byte", Buffer.from(BLOB).fill(0, 99, 100)],
    ["a missing end", BLOB.subarray(0, -1)],
    ["a byte too many", Buffer.concat([BLOB, Buffer.of(0)])],
    ["nothing in it", Buffer.alloc(0)],
  ] as const)("drops a blob with %s, and fetches it anew", async ([, bytes], context) => {
    const place = await createCachePlace(context);
    await putBlob(place.root, DESCRIPTOR, bytes);
    const fetch = fetchFrom(BLOB);
    expectBytes(await readAll((await place.open()).stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(fetch.asked).toEqual([0]);
    expect(place.warnings()).toMatchObject([expect.stringContaining(`Cached blob ${DESCRIPTOR.digest} is damaged`)]);
    expectBytes(await readFile(blobPath(place.root, DESCRIPTOR.digest)), BLOB);
  });

  it("goes on from the registry where the file ends under its hands", async (context) => {
    const place = await createCachePlace(context);
    const path = await putBlob(place.root, DESCRIPTOR, BLOB);
    const fetch = fetchFrom(BLOB);
    const stream = (await place.open()).stream(DESCRIPTOR, fetch, 1);
    await stream.located;
    await truncate(path, 300_000);
    expectBytes(await readAll(stream), BLOB);
    expect(fetch.asked).toEqual([300_000]);
  });

  it("reads what Apptainer has, and leaves it alone even where it is damaged", async (context) => {
    const place = await createCachePlace(context);
    const theirs = join(place.home, ".apptainer", "cache");
    const path = await putBlob(theirs, DESCRIPTOR, BLOB);
    const fetch = fetchFrom(BLOB);
    const cache = await place.open({ write: false });
    expectBytes(await readAll(cache.stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(fetch.asked).toEqual([]);
    await writeFile(path, "damaged");
    expectBytes(await readAll(cache.stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(await readFile(path, "utf8")).toBe("damaged");
  });

  it("keeps the beginning when the line breaks, and fetches only the rest in the next run", async (context) => {
    const place = await createCachePlace(context);
    const cache = await place.open();
    const broken = cache.stream(DESCRIPTOR, fetchFrom(BLOB, { failAt: 420_000 }), BUFFER_SIZE);
    await expect(readAll(broken)).rejects.toThrow("the line is dead");
    expect(await place.files()).toEqual([expect.stringMatching(/^partial\/sha256-/)]);
    const fetch = fetchFrom(BLOB);
    expectBytes(await readAll(cache.stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(fetch.asked).toEqual([420_000]);
    expect(place.events).toMatchObject([{ kind: "blob-resumed", offset: 420_000, size: BLOB.length }]);
    expect(await place.files()).toEqual([NAME]);
  });

  it("keeps the beginning when the reader leaves", async (context) => {
    const place = await createCachePlace(context);
    const stream = (await place.open()).stream(DESCRIPTOR, fetchFrom(BLOB), BUFFER_SIZE);
    for await (const _ of stream) break;
    expect(await place.files()).toEqual([expect.stringMatching(/^partial\/sha256-/)]);
  });

  it.for([
    ["of a killed run", BLOB.subarray(0, 500_000), { host: HOST, pid: DEAD_PID }, [500_000]],
    ["that is whole but for its name", BLOB, { host: HOST, pid: DEAD_PID }, []],
    ["that a crash left with zeros", Buffer.alloc(500_000), { host: HOST, pid: DEAD_PID }, [500_000, 0]],
    ["that is too long", Buffer.concat([BLOB, BLOB]), { host: HOST, pid: DEAD_PID }, [0]],
    ["of a process that lives", BLOB.subarray(0, 500_000), { host: HOST, pid: process.ppid }, [0]],
    ["of another host, just now", BLOB.subarray(0, 500_000), { host: "elsewhere", pid: 1 }, [0]],
  ] as const)("with a beginning %s", async ([, bytes, writer, asked], context) => {
    const place = await createCachePlace(context);
    const path = await putPartial(place.root, DESCRIPTOR, bytes, writer);
    const fetch = fetchFrom(BLOB);
    expectBytes(await readAll((await place.open()).stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(fetch.asked).toEqual(asked);
    const alive = asked.length === 1 && asked[0] === 0 && bytes.length < BLOB.length;
    const left = alive ? [NAME, path.slice(blobFolder(place.root).length + 1)] : [NAME];
    expect(await place.files()).toEqual(left);
  });

  it("takes over from another host what was not written for long, the longest piece first", async (context) => {
    const place = await createCachePlace(context);
    const old = new Date(Date.now() - 3_600_000);
    for (const [host, size] of [
      ["a", 100_000],
      ["b", 600_000],
      ["c", 300_000],
    ] as const) {
      const path = await putPartial(place.root, DESCRIPTOR, BLOB.subarray(0, size), { host, pid: 1 });
      await utimes(path, old, old);
    }
    const fetch = fetchFrom(BLOB);
    expectBytes(await readAll((await place.open()).stream(DESCRIPTOR, fetch, BUFFER_SIZE)), BLOB);
    expect(fetch.asked).toEqual([600_000]);
    expect(await place.files()).toEqual([NAME]);
  });

  it("lets twenty readers of one blob at once all end well", async (context) => {
    const place = await createCachePlace(context);
    const caches = await Promise.all(Array.from({ length: 20 }, () => place.open()));
    const all = caches.map((cache) => readAll(cache.stream(DESCRIPTOR, fetchFrom(BLOB), BUFFER_SIZE)));
    for (const bytes of await Promise.all(all)) expect(bytes.equals(BLOB)).toBe(true);
    expect(await place.files()).toEqual([NAME]);
  });
});

describe("BlobCache.read() and keep()", () => {
  const text = Buffer.from('{"schemaVersion":2}');
  const { digest } = describeBlob(text);

  it("give back a document, and nothing that is damaged or too long", async (context) => {
    const place = await createCachePlace(context);
    const cache = await place.open();
    await cache.keep(digest, text);
    expect(await cache.read(digest, text.length)).toEqual(text);
    await putBlob(place.root, describeBlob(text), Buffer.from('{"schemaVersion":3}'));
    expect(await cache.read(digest, 1000)).toBeUndefined();
    expect(await place.files()).toEqual([]);
    expect(await cache.read(digest, 1000)).toBeUndefined();
  });
});

describe("the size limit", () => {
  const blobs = Array.from({ length: 4 }, () => randomBytes(100_000));
  const pull = (cache: BlobCache, bytes: Buffer) =>
    readAll(cache.stream(describeBlob(bytes), fetchFrom(bytes), BUFFER_SIZE));
  const nameOf = (bytes: Buffer) => `blobs/sha256/${describeBlob(bytes).digest.slice(7)}`;

  it("removes what went unused for the longest time", async (context) => {
    const place = await createCachePlace(context);
    const cache = await place.open({ sizeLimit: 300_000 });
    const [a, b, c, d] = blobs as [Buffer, Buffer, Buffer, Buffer];
    for (const [age, bytes] of [
      [3, a],
      [2, b],
      [1, c],
    ] as const) {
      await pull(cache, bytes);
      const then = new Date(Date.now() - age * 60_000);
      await utimes(blobPath(place.root, describeBlob(bytes).digest), then, then);
    }
    await pull(cache, a);
    await pull(cache, d);
    expect(await place.files()).toEqual([a, c, d].map(nameOf).sort());
  });

  it("keeps no blob that is larger", async (context) => {
    const place = await createCachePlace(context);
    const cache = await place.open({ sizeLimit: 99_999 });
    expectBytes(await pull(cache, blobs[0] as Buffer), blobs[0] as Buffer);
    expect(await place.files()).toEqual([]);
    expect(place.warnings()).toEqual([]);
  });
});
