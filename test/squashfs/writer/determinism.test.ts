import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { BodyPart } from "../../../src/bytes/file-body.ts";
import { cut } from "../../support/chunks.ts";
import { treeOfImage } from "../../support/squashfs-tree.ts";
import { buildImage, expectedTree, type Item, type Items, noise, prose, xattr } from "./image-builder.ts";

const BLOCK = 4096;

interface Recipe {
  readonly size: number;
  readonly seed: number;
  readonly fill: "prose" | "noise" | "zeros" | "half";
}

const recipe: fc.Arbitrary<Recipe> = fc.record({
  size: fc.oneof(
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 0, max: 30 }).map((n) => n * BLOCK),
    fc.integer({ min: 0, max: 30 * BLOCK }),
  ),
  // Few seeds: duplicates, equal beginnings and equal tails abound.
  seed: fc.integer({ min: 1, max: 4 }),
  fill: fc.constantFrom("prose", "noise", "zeros", "half"),
});

function contentOf({ size, seed, fill }: Recipe): Uint8Array {
  if (fill === "prose") return prose(size, seed);
  if (fill === "noise") return noise(size, seed);
  const bytes = new Uint8Array(size);
  if (fill === "half") bytes.set(prose(Math.floor(size / 2), seed), size & 1 ? Math.ceil(size / 2) : 0);
  return bytes;
}

/** The same bytes in other pieces; runs of zeros become holes. */
function inPieces(bytes: Uint8Array, sizes: readonly number[]): BodyPart[] {
  return cut(bytes, sizes).map((piece, i) =>
    i % 2 === 0 && piece.length > 0 && piece.every((byte) => byte === 0) ? { zeros: piece.length } : piece,
  );
}

function itemsOf(recipes: readonly Recipe[], content: (recipe: Recipe) => Uint8Array | BodyPart[]): Items {
  const items: Record<string, Item> = { d: { kind: "directory" } };
  for (const [i, each] of recipes.entries()) {
    const xattrs = each.seed === 1 ? [xattr("user.x", noise(each.size % 40, 1))] : [];
    items[`${i % 2 === 0 ? "" : "d/"}f${i}`] = { kind: "file", content: content(each), xattrs, uid: each.seed };
  }
  return items;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

it("SquashfsWriter gives what went in, and the same bytes for any cuts", async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 3 * BLOCK }), { maxLength: 30 });
  const property = fc.asyncProperty(fc.array(recipe, { maxLength: 25 }), cuts, async (recipes, sizes) => {
    const whole = itemsOf(recipes, contentOf);
    const { bytes } = await buildImage(whole);
    expect(await treeOfImage(bytes)).toEqual(expectedTree(whole));
    const pieces = await buildImage(itemsOf(recipes, (each) => inPieces(contentOf(each), sizes)));
    expect(sha256(pieces.bytes)).toBe(sha256(bytes));
  });
  await fc.assert(property, { numRuns: 60 });
});

it("SquashfsWriter gives the same bytes with 0, 1, 2 and 4 workers", async () => {
  const property = fc.asyncProperty(fc.array(recipe, { minLength: 20, maxLength: 60 }), async (recipes) => {
    const digests = new Set<string>();
    for (const workers of [0, 1, 2, 4])
      digests.add(sha256((await buildImage(itemsOf(recipes, contentOf), { workers })).bytes));
    expect(digests.size).toBe(1);
  });
  await fc.assert(property, { numRuns: 3 });
});

it("SquashfsWriter finds an equal file of many blocks, whichever thread hashed which block", async () => {
  const twin: Recipe = { size: 29 * BLOCK, seed: 2, fill: "noise" };
  for (const workers of [0, 1, 4]) {
    const { report } = await buildImage(itemsOf([twin, { size: 700, seed: 1, fill: "prose" }, twin], contentOf), {
      workers,
    });
    expect(report.duplicateSize).toBe(twin.size);
  }
});
