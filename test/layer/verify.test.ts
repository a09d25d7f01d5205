import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verifyBlob, verifyDiffId } from "../../src/layer/verify.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { borrowed, collect, cut, cutEvenly } from "../support/chunks.ts";
import { sha256 } from "./blobs.ts";

const DATA = Buffer.from("the stored bytes of a blob");
const OTHER = sha256(Buffer.from("other"));
const describing = (digest: Digest, size: number) => ({ mediaType: "", digest, size });
const verify = (chunks: readonly Uint8Array[], digest: Digest = sha256(DATA), size: number = DATA.length) =>
  collect(verifyBlob(borrowed(chunks), describing(digest, size)));

describe("verifyBlob()", () => {
  it("passes the bytes on, for any chunking", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9)), async (sizes) => {
        expect((await verify(cut(DATA, sizes))).equals(DATA)).toBe(true);
      }),
    );
  });

  it("knows sha512", async () => {
    const digest: Digest = `sha512:${createHash("sha512").update(DATA).digest("hex")}`;
    expect((await verify([DATA], digest)).equals(DATA)).toBe(true);
    await expect(verify([DATA.subarray(1)], digest, DATA.length - 1)).rejects.toMatchObject({
      code: "BLOB_DIGEST_MISMATCH",
    });
  });

  it("says what digest came instead", async () => {
    await expect(verify([DATA], OTHER)).rejects.toMatchObject({
      code: "BLOB_DIGEST_MISMATCH",
      details: { digest: OTHER, seen: sha256(DATA) },
    });
    await expect(verify([DATA], OTHER)).rejects.toThrow(
      `Blob ${OTHER} is not what it is named: its 26 bytes have the digest ${sha256(DATA)}.`,
    );
  });

  it.each([0, 1, 25])("calls a blob of %i of 26 bytes truncated", async (size) => {
    await expect(verify([DATA.subarray(0, size)])).rejects.toThrow(
      `Blob ${sha256(DATA)} is truncated: it ends after ${size} of 26 bytes.`,
    );
    await expect(verify([DATA.subarray(0, size)])).rejects.toMatchObject({
      code: "BLOB_SIZE_MISMATCH",
      details: { seen: size, size: 26 },
    });
  });

  it("notices a byte too many before it passes it on", async () => {
    const passed: Uint8Array[] = [];
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield DATA;
      for (;;) yield DATA.subarray(0, 1);
    }
    await expect(async () => {
      for await (const chunk of verifyBlob(endless(), describing(sha256(DATA), DATA.length))) passed.push(chunk);
    }).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH", details: { seen: 27 } });
    expect(Buffer.concat(passed).equals(DATA)).toBe(true);
  });

  it("tells start, progress after every so many bytes, and the end of a checked blob", async () => {
    const events: ProgressEvent[] = [];
    const data = Buffer.alloc(10 << 20);
    const digest = sha256(data);
    await collect(
      verifyBlob(borrowed(cutEvenly(data, 65_536)), describing(digest, data.length), (event) => events.push(event)),
    );
    expect(events[0]).toEqual({ kind: "blob-start", role: "layer", digest, size: data.length });
    expect(events.at(-1)).toEqual({ kind: "blob-end", digest, size: data.length });
    const progress = events.slice(1, -1);
    expect(progress).toHaveLength(10);
    expect(progress[0]).toEqual({ kind: "blob-progress", digest, received: 1 << 20, size: data.length });

    events.length = 0;
    await expect(
      collect(verifyBlob(borrowed([data]), describing(OTHER, data.length), (event) => events.push(event))),
    ).rejects.toThrow();
    expect(events.some((event) => event.kind === "blob-end")).toBe(false);
  });
});

describe("verifyDiffId()", () => {
  const run = (diffId: Digest) => collect(verifyDiffId(borrowed(cutEvenly(DATA, 5)), diffId, OTHER));

  it("passes the tar on and names blob and diffID when they do not fit", async () => {
    expect((await run(sha256(DATA))).equals(DATA)).toBe(true);
    const wrong = sha256(Buffer.from("wrong"));
    await expect(run(wrong)).rejects.toMatchObject({
      code: "DIFF_ID_MISMATCH",
      details: { digest: OTHER, diffId: wrong, seen: sha256(DATA), size: 26 },
    });
    await expect(run(wrong)).rejects.toThrow(
      `Layer ${OTHER} does not hold the tar that the image config names: that is ${wrong}`,
    );
  });
});
