import { describe, expect, it } from "vitest";
import { findAccount, findGroups, groupFile, passwdFile } from "../../src/runtime/account-files.ts";
import { parseEnvOption } from "../../src/runtime/environment/env-option.ts";
import { parseBinds, parseMount } from "../../src/runtime/options/binds.ts";
import { parseHome } from "../../src/runtime/options/home.ts";
import { parseNoMount, parseOverlay, parseScratch } from "../../src/runtime/options/lists.ts";

const plain = (source: string, target = source) => ({ source, target, readOnly: false });
const SETTING = "While setting bind mount configuration: ";
const LIST = "container creation failed: unable to add";

describe("parseBinds()", () => {
  it.each([
    ["", []],
    ["/a", [plain("/a")]],
    ["/a:/b", [plain("/a", "/b")]],
    ["rel:/b", [plain("/work/rel", "/b")]],
    ["/a:/b:ro", [{ ...plain("/a", "/b"), readOnly: true }]],
    ["/a:/b:ro,rw,/c", [{ ...plain("/a", "/b"), readOnly: true }, plain("/c")]],
    [":", []],
    [":/b, /a:/b", [plain("/b"), plain("/a", "/b")]],
    ["/a,/b:/c,", [plain("/a"), plain("/b", "/c")]],
    ["/a\\:b\\,c:/d", [plain("/a:b,c", "/d")]],
    ["/i.sif:/d:image-src=/x,id=3", [{ ...plain("/i.sif", "/d"), imagePath: "/x", imageObject: 3 }]],
    ["/i.sif:/d:image-src=", [{ ...plain("/i.sif", "/d"), imagePath: "/" }]],
    ["/i.sif:/d:id=2", [{ ...plain("/i.sif", "/d"), imagePath: "/", imageObject: 2 }]],
    [
      "i.sqfs:/d:ro,image-src=a\\:b,/e",
      [{ ...plain("/work/i.sqfs", "/d"), readOnly: true, imagePath: "a\\:b" }, plain("/e")],
    ],
  ])("reads %j", (text, binds) => {
    expect(parseBinds(text, "/work")).toEqual(binds);
  });

  // Apptainer 1.4.5's words for the same values.
  it.each([
    ["/a:/b:bad", `${SETTING}while parsing bind path: while getting bind path: bad is not a valid bind option`],
    [
      "/a:/b:ro:rw",
      `${SETTING}while parsing bind path: while getting bind path: bad bind syntax "/a:/b:ro:": should be /a:/b:ro`,
    ],
    ["/a:", `${LIST} /a to mount list: mount point must contain a destination`],
    ["rel", `${LIST} /work/rel to mount list: destination must be an absolute path`],
    ["/a:b", `${LIST} /a to mount list: destination must be an absolute path`],
    ["/a:/b:id=0", "container creation failed: id number must be greater than 0"],
    ["/a::", `${LIST} /a to mount list: mount point must contain a destination`],
    ["/a::ro", `${LIST} /a to mount list: destination must be an absolute path`],
    [
      "/a:/b:id=x",
      'container creation failed: while parsing id bind option: strconv.ParseUint: parsing "x": invalid syntax',
    ],
  ])("refuses %j", (text, message) => {
    expect(() => parseBinds(text, "/work")).toThrow(expect.objectContaining({ message }));
  });
});

describe("parseMount()", () => {
  it.each([
    ["type=bind,source=/a,destination=/b", [plain("/a", "/b")]],
    ["src=/a,dst=/b,ro", [{ ...plain("/a", "/b"), readOnly: true }]],
    ['type=bind,"src=/a,b",target=/c', [plain("/a,b", "/c")]],
    [
      "type=bind,src=i.sif,dst=/d,image-src=/x,id=3",
      [{ ...plain("/work/i.sif", "/d"), imagePath: "/x", imageObject: 3 }],
    ],
    ["src=/i,dst=/d,readonly,id=1", [{ ...plain("/i", "/d"), readOnly: true, imagePath: "/", imageObject: 1 }]],
    ["", []],
  ])("reads %j", (text, binds) => {
    expect(parseMount(text, "/work")).toEqual(binds);
  });

  it.each([
    ["type=bind,source=/tmp", '"type=bind,source=/tmp": mounts must specify a source and a destination'],
    [
      "type=foo,source=/a,dst=/x",
      '"type=foo,source=/a,dst=/x": unsupported mount type "foo", only \'bind\' is supported',
    ],
    ["src=/a,dst=/x,image-src=", '"src=/a,dst=/x,image-src=": img-src cannot be empty'],
    ["src=/a,dst=/x,id=", '"src=/a,dst=/x,id=": id cannot be empty'],
    ["src=/a,dst=/x,foo=1", '"src=/a,dst=/x,foo=1": invalid key "foo" in mount specification'],
    [
      '"type=bind,src',
      '"\\"type=bind,src": error parsing mount: parse error on line 1, column 15: extraneous or missing " in quoted-field',
    ],
  ])("refuses %j", (text, problem) => {
    expect(() => parseMount(text, "/work")).toThrow(
      expect.objectContaining({ message: `${SETTING}while parsing mount ${problem}` }),
    );
  });
});

describe("parseEnvOption()", () => {
  it.each([
    ["A=1", [["A", "1"]]],
    ["A=", [["A", ""]]],
    [
      "A=2,B=3",
      [
        ["A", "2"],
        ["B", "3"],
      ],
    ],
    ['"C=a,b"', [["C", "a,b"]]],
    [
      'A=1,"B=2,3"',
      [
        ["A", "1"],
        ["B", "2,3"],
      ],
    ],
    ['Q=a"b', [["Q", 'a"b']]],
    ['D="x y"', [["D", '"x y']]],
    ["A=1,2", [["A", "1,2"]]],
  ])("reads %j", (text, pairs) => {
    expect(parseEnvOption(text)).toEqual(pairs);
  });

  it.each([
    ["A", "A must be formatted as key=value"],
    ["A=1,B=2,C", "C must be formatted as key=value"],
    ['A=1,"B=2', 'parse error on line 1, column 9: extraneous or missing " in quoted-field'],
    ['A=1,B=a"b', 'parse error on line 1, column 8: bare " in non-quoted-field'],
  ])("refuses %j", (text, message) => {
    expect(() => parseEnvOption(text)).toThrow(expect.objectContaining({ message }));
  });
});

describe("other options", () => {
  it("home", () => {
    expect(parseHome("/a", "/work")).toEqual({ source: "/a", target: "/a" });
    expect(parseHome("a:/b", "/work")).toEqual({ source: "/work/a", target: "/b" });
    expect(() => parseHome("/a:/b:c", "/")).toThrow(
      "While setting home directory: home argument has incorrect number of elements: 3",
    );
    expect(() => parseHome("rel", "/work")).toThrow(
      "failed to add /work/rel as session directory: path rel is not an absolute path",
    );
  });

  it("no-mount and overlay", () => {
    expect(parseNoMount(["proc,sys", "/etc/hosts,foo"])).toEqual({
      words: ["proc", "sys", "/etc/hosts"],
      messages: [{ level: "warning", text: "Ignoring unknown mount type 'foo'" }],
    });
    expect([parseOverlay("/d"), parseOverlay("/d:ro"), parseOverlay("/d:rw")]).toEqual([
      { path: "/d", readOnly: false },
      { path: "/d", readOnly: true },
      { path: "/d", readOnly: false },
    ]);
  });

  it.each([
    [["/a"], ["/a"]],
    [["/a,/b/"], ["/a", "/b"]],
    [["/../../etc"], ["/etc"]],
    [[""], []],
    [["/"], ["/"]],
    [
      ["/a", "/a/b,/ab"],
      ["/a", "/a/b", "/ab"],
    ],
  ])("scratch %j", (texts, paths) => {
    expect(parseScratch(texts)).toEqual(paths);
  });

  it.each([
    [["/x", "/x"], '--scratch "/x" is there twice: give it once'],
    [["/x,/x/"], '--scratch "/x" is there twice: give it once'],
    [["/x", "/y", "/y/../x"], '--scratch "/x" is there twice: give it once'],
    [["/x/y", "/x"], '--scratch "/x" would hide --scratch "/x/y": give the larger one first'],
  ])("refuses scratch %j", (texts, problem) => {
    expect(() => parseScratch(texts)).toThrow(`container creation failed: ${problem}`);
  });

  it.each(["rel", "../../etc", "/a,rel", "no\n\u001b[31mx"])("refuses scratch %j", (text) => {
    expect(() => parseScratch([text])).toThrow(
      /^container creation failed: could not bind scratch directory "[\x20-\x7e]*" into container: destination must be an absolute path$/,
    );
  });
});

describe("account files", () => {
  const me = { name: "me", uid: 1000, gid: 100, gecos: "Mé", shell: "/bin/zsh" };

  it.each([
    ["nothing", "", "me:x:1000:100:Mé:/h:/bin/zsh\n"],
    ["other users", "root:x:0:0:root:/root:/bin/sh\n", "root:x:0:0:root:/root:/bin/sh\nme:x:1000:100:Mé:/h:/bin/zsh\n"],
    ["no newline at its end", "root:x:0:0::/:", "root:x:0:0::/:\nme:x:1000:100:Mé:/h:/bin/zsh\n"],
    ["the user", "a:x:1000:5:A:/a:/bin/a\nb:x:1:1:::\n", "a:x:1000:5:A:/h:/bin/a\nb:x:1:1:::\n"],
  ])("passwdFile() of an image with %s", (_what, image, expected) => {
    expect(passwdFile(Buffer.from(image), me, { home: "/h" }).toString()).toBe(expected);
  });

  it("keeps bytes that are no text", () => {
    const image = Buffer.from([0xff, 0x0a]);
    expect(passwdFile(image, { ...me, gecos: "" }, { home: "/h" }).subarray(0, 2)).toEqual(image);
  });

  it("groupFile() appends the user's groups", () => {
    const groups = findGroups("root:x:0:\nusers:x:100:x,y\nvideo:x:44:\n", [100, 44, 7]);
    expect(groupFile(Buffer.from("root:x:0:"), me, groups).toString()).toBe(
      "root:x:0:\nusers:x:100:me\nvideo:x:44:me\n",
    );
    expect(findAccount("root:x:0:0:root:/root:/bin/sh\nme:x:1000:100:Mé:/home/me:/bin/zsh", 1000)).toEqual(me);
    expect(findAccount("", 1000)).toBeUndefined();
  });
});
