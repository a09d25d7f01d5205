import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { foreignAccess, foreignCache, notWritable } from "../../src/cache/foreign-access.ts";

it.each([
  [0o700, undefined],
  [0o755, undefined],
  [0o775, "others may write to it (mode 0775)"],
  [0o702, "others may write to it (mode 0702)"],
  [0o1777, "others may write to it (mode 1777)"],
])("foreignAccess() of a folder with the mode %o: %s", async (mode, says) => {
  const root = await mkdtemp(join(tmpdir(), "sifon-foreign-"));
  try {
    const folder = join(root, "oci-tmp");
    await mkdir(folder);
    await chmod(folder, mode);
    expect(foreignAccess(folder)).toBe(says);
    expect(foreignCache(root)).toBe(says === undefined ? undefined : `${folder}: ${says}`);
  } finally {
    await rm(root, { recursive: true });
  }
});

it("foreignAccess() says nothing of what is not there", () => {
  expect(foreignAccess("/nonexistent/cache")).toBeUndefined();
});

it("notWritable() names the place and what to do", () => {
  expect(notWritable("/proc/nowhere")).toMatch(
    /^Cache disabled - cache location \/proc\/nowhere is not writable\. (It belongs to user 0, and you are user \d+: n|N)ame another place with SIFON_CACHEDIR\.$/,
  );
});
