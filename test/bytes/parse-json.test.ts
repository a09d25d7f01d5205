import { describe, expect, it } from "vitest";
import { MAX_JSON_VALUES, parseJson } from "../../src/bytes/parse-json.ts";

const list = (count: number): string => `[${Array(count).fill(0).join()}]`;

describe("parseJson()", () => {
  it.each(['{"a":[1,"x",null,true]}', "1", '"a"', '{"a":"[{,:\\"[["}', '{"\\\\":"\\\\\\""}', " [ ] "])(
    "reads as JSON.parse() does: %s",
    (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    },
  );

  it.each(["", "[", '{"a', '"\\"', "[1,]", "\0"])("throws a SyntaxError for %j", (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it.each([
    ["values", list(MAX_JSON_VALUES - 1), list(MAX_JSON_VALUES)],
    [
      "levels",
      "[".repeat(MAX_JSON_VALUES - 1) + "]".repeat(MAX_JSON_VALUES - 1),
      "[".repeat(MAX_JSON_VALUES) + "]".repeat(MAX_JSON_VALUES),
    ],
  ])("bounds the number of %s", (_, most, more) => {
    expect(() => parseJson(most)).not.toThrow();
    expect(() => parseJson(more)).toThrow(`JSON with more than ${MAX_JSON_VALUES} values`);
  });

  it("counts nothing inside of texts", () => {
    expect(parseJson(JSON.stringify(["[,".repeat(MAX_JSON_VALUES), '\\"', ",".repeat(MAX_JSON_VALUES)]))).toHaveLength(
      3,
    );
  });
});
