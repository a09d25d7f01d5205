import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, it } from "vitest";
import { zstdFrame } from "../layer/blobs.ts";
import { digestOf } from "../support/registry-image.ts";
import { base256, END, entry, header, pax, tar } from "../tar/tar-bytes.ts";
import { createRegistry, createWorkplace, expectFailure, putFile } from "./workplace.ts";

const FILE = entry({ name: "data" }, randomBytes(300_000));

/** A byte in the middle changed, where a decoder cannot miss it. */
function damaged(bytes: Uint8Array, offset: number = bytes.length >> 1): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < 8; i++) copy[offset + i] = (copy[offset + i] ?? 0) ^ 0xff;
  return copy;
}

/** Files of more owners than SquashFS has room for: 65,535, and root, who owns the folders. */
function manyOwners(count: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 1; i <= count; i++) blocks.push(header({ name: `f${i}`, uid: base256(BigInt(100_000 + i), 8) }));
  return Buffer.concat([...blocks, END]);
}

const TEXT = entry({ name: "text" }, "one line and another\n".repeat(20_000));
const zstd = zstdFrame(tar(TEXT));

describe.concurrent("build from an image with a layer", () => {
  it.for([
    [
      "of corrupt gzip",
      damaged(gzipSync(tar(TEXT))),
      ["Cannot decompress layer", "gzip", /at byte \d+ of the blob/, /have it built/],
    ],
    ["of gzip that ends early", gzipSync(tar(FILE)).subarray(0, 150_000), ["gzip", /at byte \d+ of the blob/]],
    [
      "of corrupt zstd",
      damaged(zstd, 4 + 5 + 1000 + 3),
      ["Cannot decompress layer", "zstd", /at byte \d+ of the blob/],
    ],
    ["of xz", Buffer.from("fd377a585a0000", "hex"), ["xz", /gzip, zstd or plain tar/]],
    [
      "of a corrupt tar",
      gzipSync(tar(FILE, header({ name: "b", checksum: "wrong" }))),
      ["Cannot read the tar of layer", `at byte ${FILE.length}: no entry header stands there`, "pull the image again"],
    ],
    [
      "of text where a header belongs",
      gzipSync(Buffer.alloc(1024, "text ")),
      ["at byte 0: no entry header stands there; the checksum field says no number", "pull the image again"],
    ],
    [
      "with more extended records than others read",
      gzipSync(tar(header({ type: "x", size: (1 << 20) + 1 }))),
      [/is 1048577, over the limit of 1048576\. Go's tar reader, .* refuses such a layer, too/],
    ],
    ["of a tar that ends early", gzipSync(FILE.subarray(0, 10_000)), ['inside the content of "data"', /at byte \d+/]],
    ["that is no tar", gzipSync(Buffer.alloc(4096, "hello ")), ["Cannot read the tar of layer", "at byte 0"]],
    [
      "with a dangling hard link",
      gzipSync(tar(TEXT, header({ name: "etc/link", type: "1", linkName: "no/where" }))),
      ['Cannot merge "etc/link" of layer', 'hard link to "no/where"', "rebuild it"],
    ],
    [
      "with a name that is too long",
      gzipSync(tar(pax({ path: `usr/${"n".repeat(256)}` }), entry({ name: "x" }, "x"))),
      [/Cannot merge "usr\/n{256}" of layer/, "a name in it is 256 bytes, limit 255", "rename it"],
    ],
    [
      "with a symlink that is too long",
      gzipSync(tar(pax({ linkpath: "t".repeat(5000) }), header({ name: "sym", type: "2" }))),
      ['"sym"', "target is 5000 bytes, limit 4096"],
    ],
    ["with a whiteout of nothing", gzipSync(tar(header({ name: "a/.wh." }))), ['"a/.wh."', "whiteout"]],
  ] as const)("%s", async ([, stored, says], context) => {
    const registry = await createRegistry(context, { layers: [stored] });
    const place = await createWorkplace(context);
    await putFile(place, "x.sif", "precious");
    const uri = `docker://${registry.host}/some/image`;
    const end = await place.run(["build", "--no-https", "--force", "x.sif", uri]);
    await expectFailure(place, end, {
      says: [/^FATAL: {3}While performing build: /, digestOf(stored), ...says],
      files: { "x.sif": "precious" },
    });
  });

  it("whose tar is another than the config names", async (context) => {
    const stored = gzipSync(tar(TEXT));
    const registry = await createRegistry(context, { layers: [stored], diffIds: [digestOf(Buffer.from("other"))] });
    const place = await createWorkplace(context);
    const end = await place.run(["pull", "--no-https", `docker://${registry.host}/some/image`]);
    await expectFailure(place, end, {
      says: [`Layer ${digestOf(stored)}`, digestOf(Buffer.from("other")), digestOf(tar(TEXT)), "pushed anew"],
    });
  });

  it("with more owners than SquashFS holds", async (context) => {
    const stored = gzipSync(manyOwners(65_535), { level: 1 });
    const registry = await createRegistry(context, { layers: [stored] });
    const place = await createWorkplace(context);
    const uri = `docker://${registry.host}/some/image`;
    await expectFailure(place, await place.run(["pull", "--no-https", uri]), {
      says: [/"\/?f\d+"/, "more than 65535 different user and group ids", "--all-root"],
    });
  });
});
