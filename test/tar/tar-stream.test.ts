import fc from "fast-check";
import { pack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { displayBytes, toByteString } from "../../src/bytes/byte-string.ts";
import { collect, cut } from "../support/chunks.ts";
import { collectEntries } from "./collect-entries.ts";

const name = fc.oneof(
  fc.stringMatching(/^[a-z]{1,8}(\/[a-z.]{1,8}){0,3}$/),
  fc.stringMatching(/^[a-zé漢]{1,40}(\/[a-z]{60,99}){0,3}$/),
);
const common = {
  name,
  // tar-stream takes 0 for "not given".
  mode: fc.integer({ min: 1, max: 0o7777 }),
  // tar-stream cuts what needs more than six octal digits.
  uid: fc.nat(0o777777),
  gid: fc.nat(0o777777),
  // tar-stream writes times as signed 32 bits.
  mtime: fc.nat(2 ** 31 - 1),
};
const entry = fc.oneof(
  fc.record({
    ...common,
    type: fc.constant("file" as const),
    content: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 500, maxLength: 1100 })),
    pax: fc.constantFrom(undefined, { "SCHILY.xattr.user.note": "déjà\nvu=1" }),
  }),
  fc.record({ ...common, type: fc.constantFrom("symlink" as const, "link" as const), linkname: name }),
  fc.record({ ...common, type: fc.constantFrom("directory" as const, "fifo" as const) }),
  fc.record({
    ...common,
    type: fc.constantFrom("character-device" as const, "block-device" as const),
    devmajor: fc.nat(4095),
    devminor: fc.nat(0o777777),
  }),
);

const KIND = {
  file: "file",
  symlink: "symlink",
  link: "hardlink",
  directory: "directory",
  fifo: "fifo",
  "character-device": "charDevice",
  "block-device": "blockDevice",
} as const;

describe("readTar() against tar-stream", () => {
  it("gives what tar-stream packed, for any chunking", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 8 }),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        async (entries, sizes) => {
          const packed = pack();
          for (const { mtime, ...spec } of entries) {
            const { content, pax, ...header } = { content: undefined, pax: undefined, ...spec };
            const body = Buffer.from(content ?? []);
            const size = spec.type === "file" ? { size: body.length } : {};
            // tar-stream writes records only where it needs a PAX header or is given them.
            packed.entry({ ...header, ...size, mtime: new Date(mtime * 1000), ...(pax && { pax }) }, body);
          }
          packed.finalize();
          const bytes = await collect(packed as AsyncIterable<Uint8Array>);
          const seen = await collectEntries(cut(bytes, sizes), "buffered");
          expect(seen.map((one) => ({ ...one, offset: 0 }))).toEqual(
            entries.map((spec) => ({
              path: toByteString(spec.name),
              kind: KIND[spec.type],
              mode: spec.mode,
              uid: spec.uid,
              gid: spec.gid,
              mtimeSec: spec.mtime,
              size: spec.type === "file" ? spec.content.length : 0,
              linkName: "linkname" in spec ? toByteString(spec.linkname) : "",
              deviceMajor: "devmajor" in spec ? spec.devmajor : 0,
              deviceMinor: "devminor" in spec ? spec.devminor : 0,
              xattrs: "pax" in spec && spec.pax ? { "user.note": toByteString("déjà\nvu=1") } : {},
              content: "content" in spec ? Buffer.from(spec.content).toString("latin1") : "",
              holes: 0,
              offset: 0,
            })),
          );
          expect(seen.map((one) => displayBytes(one.path))).toEqual(entries.map((spec) => spec.name));
        },
      ),
      { numRuns: 300 },
    );
  });
});
