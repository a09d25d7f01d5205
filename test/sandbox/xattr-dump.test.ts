import fc from "fast-check";
import { expect, it } from "vitest";
import { formatXattrs, parseXattrDump } from "../../src/sandbox/xattr-dump.ts";

const byteString = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)).toString("latin1"));

it("parseXattrDump() reads what formatXattrs() writes, whatever bytes are in names", () => {
  const attribute = fc.record({
    name: byteString.map((name) => `user.${name}`),
    value: fc.uint8Array({ minLength: 1 }),
  });
  const xattrs = fc.uniqueArray(attribute, { selector: ({ name }) => name, minLength: 1 });
  fc.assert(
    fc.property(byteString, xattrs, (path, set) => {
      const [found] = [...parseXattrDump(formatXattrs(`./${path}`, set))];
      expect(found?.[0]).toBe(`./${path}`);
      expect(found?.[1].map(({ name, value }) => [name, [...value]])).toEqual(set.map((x) => [x.name, [...x.value]]));
    }),
    { numRuns: 50 },
  );
});
