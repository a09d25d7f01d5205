import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goStreamProblem, scanGoJson } from "../../src/singularity-d/scan-go-json.ts";

const END = "unexpected end of JSON input";
const invalid = (what: string): string => `invalid character ${what}`;

describe("scanGoJson()", () => {
  // What Apptainer 1.4.5 says of labels.json files with these contents.
  it.each([
    ["", END],
    ["  ", END],
    ["{", END],
    ['{"a"', END],
    ['{"a":"b"', END],
    ['{"a":5', END],
    ['"abc', END],
    ["[1,2", END],
    ["not json", invalid("'o' in literal null (expecting 'u')")],
    ["nul", invalid("' ' in literal null (expecting 'l')")],
    ["tRue", invalid("'R' in literal true (expecting 'r')")],
    ['{"a":tru}', invalid("'}' in literal true (expecting 'e')")],
    ['{"a":falsy}', invalid("'y' in literal false (expecting 'e')")],
    ["-", invalid("' ' in numeric literal")],
    ['{"a":-}', invalid("'}' in numeric literal")],
    ['{"a":1.}', invalid("'}' after decimal point in numeric literal")],
    ['{"a":1e}', invalid("'}' in exponent of numeric literal")],
    ['{"a":01}', invalid("'1' after object key:value pair")],
    ['{"a":+1}', invalid("'+' looking for beginning of value")],
    ["{'a':1}", invalid("'\\'' looking for beginning of object key string")],
    ["{1:2}", invalid("'1' looking for beginning of object key string")],
    ["{,}", invalid("',' looking for beginning of object key string")],
    ["[,]", invalid("',' looking for beginning of value")],
    ['{"a":"b",}', invalid("'}' looking for beginning of object key string")],
    ['{"a" "b"}', invalid("'\"' after object key")],
    ['{"a":"b" "c"}', invalid("'\"' after object key:value pair")],
    ["[1 2]", invalid("'2' after array element")],
    ["5 6", invalid("'6' after top-level value")],
    ['{"a":"b"}}', invalid("'}' after top-level value")],
    ["\\", invalid("'\\\\' looking for beginning of value")],
    ["\xc3\xa9", invalid("'\xc3' looking for beginning of value")],
    ["\x80", invalid("'\\u0080' looking for beginning of value")],
    ["\x7f", invalid("'\\x7f' looking for beginning of value")],
    ['{"a":"\t"}', invalid("'\\t' in string literal")],
    ['"\x7f\x01"', invalid("'\\x01' in string literal")],
    ['{"a":"\\x"}', invalid("'x' in string escape code")],
    ['"\\', invalid("' ' in string escape code")],
    ['{"a":"\\u12g4"}', invalid("'g' in \\u hexadecimal character escape")],
    ["[".repeat(10_001), "exceeded max depth"],
    ["[".repeat(10_000), END],
  ])("says of %j what Go says", (text, problem) => {
    expect(scanGoJson(text).problem).toBe(problem);
  });

  it.each<[string, string, string[]?]>([
    ["null", "null", []],
    [" [] ", "array", []],
    ['"\\uD800\\n"', "string", []],
    ["-0.5e+3", "number", []],
    ["true\n", "bool", []],
    ['[{"a":1}]', "array", []],
    ['{"a":1, "a":"x","b":{"c":[]},"d":[{}],"e":null,"f":false}', "object"],
  ])("tells what %j is", (text, kind, members = ["number", "string", "object", "array", "null", "bool"]) => {
    expect(scanGoJson(text)).toEqual({ problem: undefined, kind, memberKinds: members });
  });

  it("takes what JSON.parse takes, and nothing else", () => {
    const accepts = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const piece = fc.constantFrom(
      ...Array.from('{}[],:"\\-+.eE019 \n'),
      "null",
      "true",
      '"a"',
      "{",
      "[",
      "]",
      "}",
      "\\u00e9",
    );
    const texts = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((parts) => parts.join("")),
      fc.json(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = Buffer.from(text, "utf8").toString("latin1");
        expect(scanGoJson(bytes).problem === undefined, text).toBe(accepts(text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("goStreamProblem()", () => {
  it.each([
    ["", "EOF"],
    [" \n", "EOF"],
    ["{", "unexpected EOF"],
    ["not", invalid("'o' in literal null (expecting 'u')")],
    ["{}", undefined],
  ])("says of %j what Go's decoder of streams says", (text, problem) => {
    expect(goStreamProblem(text)).toBe(problem);
  });
});
