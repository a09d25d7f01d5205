import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareUtf8, type GoValue, goJson } from "../../src/singularity-d/go-json.ts";

describe("goJson()", () => {
  it.each<[string, string]>([
    ["", '""'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ["<a href='x'>&amp;", "\"\\u003ca href='x'\\u003e\\u0026amp;\""],
    ["\u2028\u2029", '"\\u2028\\u2029"'],
    ["\n\r\t\b\f", '"\\n\\r\\t\\b\\f"'],
    ["\u0000\u0001\u000b\u001f", '"\\u0000\\u0001\\u000b\\u001f"'],
    ["\u007f\u0080\u00a0é☃😀", '"\u007f\u0080\u00a0é☃😀"'],
    ["/", '"/"'],
    ["a\ud800b", '"a\ufffdb"'],
    ["\udc00\ud800", '"\ufffd\ufffd"'],
  ])("quotes %j", (text, expected) => {
    expect(goJson(text)).toBe(expected);
  });

  it("sorts maps by UTF-8 bytes and leaves structs in their order", () => {
    const map = new Map([
      ["😀", "4"],
      ["\ue000", "3"],
      ["b", "2"],
      ["B", "1"],
    ]);
    expect(goJson(map)).toBe('{"B":"1","b":"2","\ue000":"3","😀":"4"}');
    expect(goJson({ z: 1, a: true, m: [] })).toBe('{"z":1,"a":true,"m":[]}');
  });

  it("indents as MarshalIndent does", () => {
    const value: GoValue = { list: ["a", 1], none: [], map: new Map([["k", { x: false }]]), empty: {} };
    expect(goJson(value, { indent: "\t" })).toBe(
      '{\n\t"list": [\n\t\t"a",\n\t\t1\n\t],\n\t"none": [],\n\t"map": {\n\t\t"k": {\n\t\t\t"x": false\n\t\t}\n\t},\n\t"empty": {}\n}',
    );
  });

  it("is JSON that means the same", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(fc.dictionary(text, fc.array(text)), (value) => {
        const map = new Map(Object.entries(value));
        expect(JSON.parse(goJson(map))).toEqual({ ...value });
        expect(JSON.parse(goJson(map, { indent: " " }))).toEqual({ ...value });
      }),
    );
  });

  it("compareUtf8() orders code points, not UTF-16 units", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        const [x, y] = [a, b].map((s) => Array.from(s, (c) => c.codePointAt(0)!));
        const first = x!.findIndex((c, i) => c !== y![i]);
        const expected = first < 0 ? Math.sign(x!.length - y!.length) : Math.sign(x![first]! - (y![first] ?? -1));
        expect(Math.sign(compareUtf8(a, b))).toBe(expected);
      }),
    );
  });
});
