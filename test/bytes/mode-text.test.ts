import { expect, it } from "vitest";
import { modeText } from "../../src/bytes/mode-text.ts";

it.each([
  [0, "mode 0000"],
  [0o644, "mode 0644"],
  [0o4755, "mode 4755"],
  [0o7777, "mode 7777"],
  // What stat(2) adds for the kind of file is no permission.
  [0o100_600, "mode 0600"],
])("modeText(%o) is %s", (mode, text) => {
  expect(modeText(mode)).toBe(text);
});
