import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** With SIFON_REQUIRE_TOOLS=1 (as CI sets it) a missing tool is a failure, not a note. */
export const toolsRequired: boolean = process.env.SIFON_REQUIRE_TOOLS === "1";

const found = new Map<string, string | undefined>();

/**
 * Path of a command that a test needs, looked up in PATH. Where it is missing: undefined, after one
 * warning that names the tool and the Debian package it comes from; an error where tools are required.
 */
export function requireTool(name: string, debianPackage: string = name): string | undefined {
  if (!found.has(name)) {
    const path = findInPath(name);
    found.set(name, path);
    if (path === undefined) reportMissing(`test tool missing: ${name} (Debian package ${debianPackage})`);
  }
  const path = found.get(name);
  if (path === undefined && toolsRequired)
    throw new Error(`test tool missing: ${name} (Debian package ${debianPackage})`);
  return path;
}

/** Says once that a test can not do its work here, and why; throws where tools are required. */
export function reportMissing(what: string): void {
  if (toolsRequired) throw new Error(`${what}; SIFON_REQUIRE_TOOLS=1 allows no gaps`);
  console.warn(what);
}

function findInPath(name: string): string | undefined {
  // Administrators' tools (mount, losetup, dockerd) live in sbin, which an ordinary user's PATH lacks.
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
