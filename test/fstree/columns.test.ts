import { describe, expect, it } from "vitest";
import { F64Column, SizeColumn, U32Column } from "../../src/fstree/columns.ts";

const PAGE = 1 << 14;

describe.each([
  ["U32Column", () => new U32Column(), 2 ** 32 - 1],
  ["F64Column", () => new F64Column(), 2 ** 53],
  ["SizeColumn", () => new SizeColumn(), 2 ** 53],
])("%s", (_, create, largest) => {
  it.each([0, 1, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE])("gives back what was set at %i, and 0 elsewhere", (index) => {
    const column = create();
    for (const value of [0, 1, largest, 0, 7]) {
      column.set(index, value);
      expect(column.get(index)).toBe(value);
      expect(column.get(index + 1)).toBe(0);
      expect(column.get(index + PAGE)).toBe(0);
    }
  });

  it("keeps columns apart that have nothing but zeros", () => {
    const [one, other] = [create(), create()];
    for (let i = 0; i < 10; i++) one.set(i * PAGE, 0);
    one.set(3, 5);
    expect(other.get(3)).toBe(0);
    other.set(3, 6);
    expect(one.get(3)).toBe(5);
    expect(one.get(PAGE + 3)).toBe(0);
  });
});

describe.each([2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 44])("SizeColumn", (size) => {
  it(`keeps ${size} exactly`, () => {
    const column = new SizeColumn();
    column.set(0, size);
    expect(column.get(0)).toBe(size);
    column.set(0, 3);
    expect(column.get(0)).toBe(3);
  });
});

it("a column of zeros takes no memory", () => {
  const before = process.memoryUsage().arrayBuffers;
  const column = new U32Column();
  for (let i = 0; i < 100; i++) column.set(i * PAGE, 0);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(PAGE);
});

it.each([
  ["U32Column", new U32Column()],
  ["F64Column", new F64Column()],
])("%s gives its memory back at once, and is empty", (_, column) => {
  for (let i = 0; i < 100; i++) column.set(i * PAGE, 1);
  const before = process.memoryUsage().arrayBuffers;
  column.free();
  expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThanOrEqual(90 * PAGE * 4);
  expect(column.get(0)).toBe(0);
  column.set(0, 2);
  expect(column.get(0)).toBe(2);
});
