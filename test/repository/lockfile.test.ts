import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const LOCKFILE = new URL("../../package-lock.json", import.meta.url);
const { packages } = JSON.parse(await readFile(LOCKFILE, "utf8")) as { packages: Record<string, LockedPackage> };

// npm leaves out of the lockfile what its registry does not have for other platforms; `npm ci` then refuses it everywhere.
it("package-lock.json has the optional packages of every platform", () => {
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  const locked = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13)));
  expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
});

it("package-lock.json names no registry: each user's own is asked", () => {
  const pinned = Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined);
  expect(pinned.map(([path]) => path)).toEqual([]);
});
