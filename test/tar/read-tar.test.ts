import { describe, expect, it } from "vitest";
import { readTar } from "../../src/tar/read-tar.ts";
import { cutEvenly, isReturned, streamOf } from "../support/chunks.ts";
import { type CollectedEntry, collectEntries } from "./collect-entries.ts";
import { base256, END, entry, header, longName, pax, record, tar } from "./tar-bytes.ts";

async function only(bytes: Buffer): Promise<CollectedEntry> {
  const entries = await collectEntries([bytes]);
  expect(entries).toHaveLength(1);
  return entries[0]!;
}

const LONG = `${"d".repeat(200)}/${"\xff\xfe".repeat(100)}`;

describe("readTar() dialects", () => {
  it("gives all fields of a ustar entry", async () => {
    const fields = { name: "a/b", mode: 0o104755, uid: 1000, gid: 100, mtime: 1_600_000_000 };
    expect(await only(tar(entry(fields, "hello")))).toEqual({
      path: "a/b",
      kind: "file",
      mode: 0o4755,
      uid: 1000,
      gid: 100,
      mtimeSec: 1_600_000_000,
      size: 5,
      linkName: "",
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: {},
      offset: 0,
      content: "hello",
      holes: 0,
    });
  });

  it.each([
    ["ustar prefix", tar(entry({ name: "file", prefix: "some/dir" })), "some/dir/file"],
    [
      "full name and prefix",
      tar(entry({ name: "n".repeat(100), prefix: "p".repeat(155) })),
      `${"p".repeat(155)}/${"n".repeat(100)}`,
    ],
    ["no prefix in v7", tar(entry({ name: "file", magic: "v7", raw: [[345, "junk"]] })), "file"],
    [
      "times in place of the prefix in GNU",
      tar(entry({ name: "file", magic: "gnu", raw: [[345, "13370000000\x00"]] })),
      "file",
    ],
    [
      "prefix in GNU, as Docker before Go 1.8 wrote",
      tar(entry({ name: "file", magic: "gnu", prefix: "some/dir" })),
      "some/dir/file",
    ],
    [
      "star's shorter prefix",
      tar(
        entry({
          name: "file",
          prefix: "p".repeat(131),
          raw: [
            [476, "13370000000 13370000000 "],
            [508, "tar\0"],
          ],
        }),
      ),
      `${"p".repeat(131)}/file`,
    ],
    ["GNU long name", tar(longName("L", LONG), entry({ name: LONG.slice(0, 100), magic: "gnu" })), LONG],
    [
      "GNU long name of exactly one block",
      tar(longName("L", "n".repeat(511)), entry({ magic: "gnu" })),
      "n".repeat(511),
    ],
    ["PAX path", tar(pax({ path: LONG }), entry({ name: "short" })), LONG],
    ["PAX path over GNU long name", tar(longName("L", "gnu"), pax({ path: "pax" }), entry({})), "pax"],
    ["Solaris's X", tar(pax({ path: LONG }, "X"), entry({ name: "short" })), LONG],
    ["global path, then an own one", tar(pax({ path: "g" }, "g"), pax({ path: "x" }), entry({})), "x"],
    ["global path taken back", tar(pax({ path: "g" }, "g"), pax({ path: "" }), entry({ name: "own" })), "own"],
    ["two extended headers", tar(pax({ path: "first" }), pax({ uid: "1" }), entry({})), "first"],
    ["bytes that are not UTF-8", tar(entry({ name: "\xff\xc0\x80\xe9" })), "\xff\xc0\x80\xe9"],
    ["newline and equals in a PAX path", tar(pax({ path: "a\n12 b=c\n" }), entry({})), "a\n12 b=c\n"],
    ["volume label in front", tar(entry({ name: "LABEL", type: "V", magic: "gnu" }), entry({ name: "file" })), "file"],
    ["not normalised", tar(entry({ name: "./a//../b" })), "./a//../b"],
    ["4096 bytes", tar(longName("L", "x/".repeat(2048)), entry({ type: "5" })), "x/".repeat(2048)],
  ])("name: %s", async (_, bytes, path) => {
    expect((await only(bytes)).path).toBe(path);
  });

  it.each([
    ["0", "name", "file"],
    ["\0", "name", "file"],
    ["7", "name", "file"],
    ["Z", "name", "file"],
    ["0", "name/", "directory"],
    ["\0", "name/", "directory"],
    ["1", "name", "hardlink"],
    ["2", "name", "symlink"],
    ["3", "name", "charDevice"],
    ["4", "name", "blockDevice"],
    ["5", "name", "directory"],
    ["6", "name", "fifo"],
    ["D", "name", "directory"],
  ])("typeflag %j of %j is a %s... %s", async (type, name, kind) => {
    expect((await only(tar(header({ type, name, linkName: "to" })))).kind).toBe(kind);
  });

  it.each([
    ["symlink in the header", tar(header({ type: "2", linkName: "\xfe/target" })), "\xfe/target"],
    ["all 100 bytes", tar(header({ type: "2", linkName: "t".repeat(100) })), "t".repeat(100)],
    ["GNU long link", tar(longName("K", LONG), longName("L", "n"), header({ type: "1" })), LONG],
    ["PAX linkpath", tar(pax({ linkpath: LONG }), header({ type: "2", linkName: "short" })), LONG],
    ["none of a file", tar(header({ type: "0", linkName: "noise" })), ""],
  ])("link name: %s", async (_, bytes, linkName) => {
    expect((await only(bytes)).linkName).toBe(linkName);
  });

  it("gives device numbers of devices only", async () => {
    const numbers = { deviceMajor: 4095, deviceMinor: 1048575 };
    expect(await only(tar(header({ type: "3", ...numbers })))).toMatchObject(numbers);
    expect(await only(tar(header({ type: "0", deviceMajor: "noise!" })))).toMatchObject({
      deviceMajor: 0,
      deviceMinor: 0,
    });
    const records = pax({ "SCHILY.devmajor": "8", "SCHILY.devminor": "300000" });
    expect(await only(tar(records, header({ type: "4" })))).toMatchObject({ deviceMajor: 8, deviceMinor: 300000 });
  });

  it("skips data that types without data do not have", async () => {
    // POSIX: the size of a directory is a quota; old tars repeat the target's size in a hard link.
    const entries = await collectEntries([
      tar(
        header({ name: "d", type: "5", size: 4096 }),
        header({ name: "h", type: "1", size: 1000 }),
        entry({ name: "f" }, "f"),
      ),
    ]);
    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ["d", 0],
      ["h", 0],
      ["f", 1],
    ]);
  });

  it("passes over the data of a hard link that has some", async () => {
    for (const data of ["x", "y".repeat(2000)]) {
      const entries = await collectEntries([tar(entry({ name: "h", type: "1" }, data), entry({ name: "f" }, "f"))]);
      expect(entries.map(({ path, size, content }) => [path, size, content])).toEqual([
        ["h", 0, ""],
        ["f", 1, "f"],
      ]);
    }
    // A legacy size on the last entry: end blocks are no data.
    expect(await collectEntries([tar(header({ type: "1", size: 1000 }))])).toHaveLength(1);
  });
});

describe("readTar() numbers", () => {
  it.each([
    ["padded with spaces", "   644 \0", 0o644],
    ["without a terminator", "00007777", 0o7777],
    ["ended by a space", "0000755 ", 0o755],
    ["padding behind the terminator", "755\0junk", 0o755],
    ["empty", "\0\0\0\0\0\0\0\0", 0],
    ["only spaces", "        ", 0],
  ])("mode %s", async (_, mode, expected) => {
    expect((await only(tar(header({ mode })))).mode).toBe(expected);
  });

  it.each([
    ["base-256", { uid: base256(3_000_000_000n, 8) }, 3_000_000_000],
    ["base-256, the largest", { uid: base256(2n ** 32n - 1n, 8) }, 2 ** 32 - 1],
    ["base-256 −2, macOS's nobody", { uid: base256(-2n, 8) }, 2 ** 32 - 2],
    ["octal", { uid: 0o7777777 }, 0o7777777],
  ])("uid %s", async (_, fields, uid) => {
    expect((await only(tar(header(fields)))).uid).toBe(uid);
  });

  it("takes uid and gid from PAX", async () => {
    const bytes = tar(pax({ uid: "3000000000", gid: "4294967295" }), header({ uid: 1, gid: 2 }));
    expect(await only(bytes)).toMatchObject({ uid: 3_000_000_000, gid: 2 ** 32 - 1 });
  });

  it.each([
    ["12345.999", 12345],
    ["12345.", 12345],
    ["-0.5", 0],
    ["-86400", 0],
    ["4294967295.9", 2 ** 32 - 1],
    ["4294967296", 2 ** 32 - 1],
    ["99999999999", 2 ** 32 - 1],
  ])("PAX mtime %s is %i", async (mtime, seconds) => {
    expect((await only(tar(pax({ mtime }), header({ mtime: 7 })))).mtimeSec).toBe(seconds);
  });

  it.each([
    [base256(-1n, 12), 0],
    [base256(-(2n ** 62n), 12), 0],
    [base256(2n ** 32n - 1n, 12), 2 ** 32 - 1],
    [base256(2n ** 62n, 12), 2 ** 32 - 1],
  ])("base-256 mtime %# clamps to %i", async (mtime, seconds) => {
    expect((await only(tar(header({ mtime })))).mtimeSec).toBe(seconds);
  });

  it.each([
    ["octal", header({ size: "77777777777\0" }), 8 ** 11 - 1],
    ["base-256 over 8 GiB", header({ size: base256(2n ** 33n + 5n, 12) }), 2 ** 33 + 5],
    ["PAX over 8 GiB", Buffer.concat([pax({ size: "8589934597" }), header({ size: 0 })]), 2 ** 33 + 5],
  ])("size %s, without reading it", async (_, bytes, size) => {
    for await (const seen of readTar(streamOf([bytes]), { name: "sha256:test" })) {
      expect(seen.size).toBe(size);
      break;
    }
  });

  it("accepts checksums of signed bytes, as old tars summed", async () => {
    expect((await only(tar(header({ name: "\xe9t\xe9", checksum: "signed" })))).path).toBe("\xe9t\xe9");
  });
});

describe("readTar() extended attributes", () => {
  const BINARY = "\x01\0\0\x02\xff\n=\0";

  it("gives SCHILY values byte by byte", async () => {
    const records = pax({
      "SCHILY.xattr.security.capability": BINARY,
      "SCHILY.xattr.user.\xff": "",
      "SCHILY.xattr.user.a%3Db%25": "c",
    });
    const { xattrs } = await only(tar(records, header({})));
    expect(xattrs).toEqual({ "security.capability": BINARY, "user.\xff": "", "user.a=b%": "c" });
  });

  it("decodes bsdtar's base64 ones, and prefers SCHILY's", async () => {
    const records = pax({
      "LIBARCHIVE.xattr.user.one%3D": Buffer.from(BINARY, "latin1").toString("base64").replace(/=+$/, ""),
      "SCHILY.xattr.user.two": "raw",
      "LIBARCHIVE.xattr.user.two": "b3RoZXI",
    });
    expect((await only(tar(records, header({})))).xattrs).toEqual({ "user.one=": BINARY, "user.two": "raw" });
  });

  it("adds global ones, and drops those of other entries", async () => {
    const [first, second] = await collectEntries([
      tar(pax({ "SCHILY.xattr.g": "1" }, "g"), pax({ "SCHILY.xattr.x": "2" }), header({}), header({})),
    ]);
    expect(first?.xattrs).toEqual({ g: "1", x: "2" });
    expect(second?.xattrs).toEqual({ g: "1" });
  });
});

describe("readTar() bodies", () => {
  const BYTES = tar(entry({ name: "one" }, "1".repeat(600)), entry({ name: "empty" }), entry({ name: "two" }, "22"));

  it("skips what is not read, or read in part", async () => {
    for (const size of [64, 700, 4096]) {
      const paths: string[] = [];
      for await (const seen of readTar(streamOf(cutEvenly(BYTES, size)), { name: "sha256:test" })) {
        paths.push(seen.path);
        if (seen.path === "one") {
          for await (const part of seen.body()) {
            expect("zeros" in part).toBe(false);
            break;
          }
        }
      }
      expect(paths).toEqual(["one", "empty", "two"]);
    }
  });

  it("bodyIfBuffered() gives what lies in the chunk, as a view", async () => {
    for await (const seen of readTar(streamOf([BYTES]), { name: "sha256:test" })) {
      const body = seen.bodyIfBuffered();
      expect(body?.length).toBe(seen.size);
      if (seen.size > 0) expect(body?.buffer).toBe(BYTES.buffer);
    }
    for await (const seen of readTar(streamOf(cutEvenly(BYTES, 512)), { name: "sha256:test" })) {
      expect(seen.bodyIfBuffered() === undefined).toBe(seen.size > 0);
    }
  });

  it("refuses a second reading, and one too late", async () => {
    let last: { body(): AsyncIterable<unknown> } | undefined;
    for await (const seen of readTar(streamOf([BYTES]), { name: "sha256:test" })) {
      if (seen.path === "one") {
        seen.bodyIfBuffered();
        expect(() => seen.bodyIfBuffered()).toThrow(TypeError);
        last = seen;
      }
    }
    await expect(async () => {
      for await (const _ of last!.body());
    }).rejects.toThrow(TypeError);
  });

  it("gives the offset of the first header of each entry", async () => {
    const entries = await collectEntries([
      tar(entry({}, "x"), pax({ path: "p" }), entry({}), longName("L", "l"), entry({})),
    ]);
    expect(entries.map((seen) => seen.offset)).toEqual([0, 1024, 2560]);
  });
});

describe("readTar() ends", () => {
  const ONE = entry({ name: "one" }, "1");
  it.each([
    ["two zero blocks", Buffer.concat([ONE, END])],
    ["garbage after them", Buffer.concat([ONE, END, Buffer.alloc(5000, "garbage")])],
    ["another archive after them", Buffer.concat([ONE, END, ONE])],
    ["a record of 20 blocks", Buffer.concat([ONE, END, Buffer.alloc(8192)])],
    ["no end blocks", ONE],
    ["no end blocks and no padding", ONE.subarray(0, 513)],
    ["one zero block", Buffer.concat([ONE, END.subarray(512)])],
    ["part of a zero block", Buffer.concat([ONE, END.subarray(0, 100)])],
    ["a global header at the end", Buffer.concat([ONE, pax({ comment: "x" }, "g"), END])],
  ])("accepts %s, and reads the source to its end", async (_, bytes) => {
    for (const size of [1 << 20, 512, 100]) {
      const source = isReturned(streamOf(cutEvenly(bytes, size)));
      let isDrained = false;
      async function* watched(): AsyncGenerator<Uint8Array> {
        yield* source.chunks;
        isDrained = true;
      }
      const paths: string[] = [];
      for await (const seen of readTar(watched(), { name: "sha256:test" })) paths.push(seen.path);
      expect(paths).toEqual(["one"]);
      expect(isDrained).toBe(true);
    }
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["zeros", END],
    ["7 zeros", Buffer.alloc(7)],
  ])("takes %s for an empty tar", async (_, bytes) => {
    expect(await collectEntries([bytes])).toEqual([]);
  });

  it("lets the source go when the consumer leaves", async () => {
    const source = isReturned(streamOf(cutEvenly(tar(ONE, ONE), 512)));
    for await (const _ of readTar(source.chunks, { name: "sha256:test" })) break;
    expect(source.returned()).toBe(true);
  });
});

describe("readTar() PAX padding", () => {
  it("accepts records padded with NULs, as star writes", async () => {
    const padded = Buffer.concat([
      header({ type: "x", size: 512 }),
      Buffer.from(record("path", "p").padEnd(512, "\0")),
    ]);
    expect((await only(tar(padded, entry({})))).path).toBe("p");
  });
});
