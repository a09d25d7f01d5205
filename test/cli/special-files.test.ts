import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CommandResult, mustRun, runCommand } from "../support/command.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { createSigningPlace } from "./signing.ts";

/** A run that is held by an open(2) hears no signal but this one. */
function sifonOrKilled(args: readonly string[], cwd: string): Promise<CommandResult> {
  return runCommand("timeout", ["--signal=KILL", "120", process.execPath, SIFON_MAIN, ...args], { cwd });
}

describe.concurrent("what is not a file, in an image's place", () => {
  it.for([
    ["inspect", "ff"],
    ["ls", "ff"],
    ["cat", "ff", "etc/passwd"],
    ["check", "ff"],
    ["diff", "x.sif", "ff"],
    ["diff", "ff", "x.sif"],
    ["verify", "ff"],
    ["sif", "list", "ff"],
    ["sif", "header", "ff"],
    ["sif", "dump", "1", "ff"],
    ["sif", "del", "1", "ff"],
    ["convert", "--compression", "lz4", "ff", "out.sif"],
    ["exec", "ff", "true"],
  ])("a FIFO is refused at once: sifon %j", async (args, context) => {
    const { folder } = await createSigningPlace(context);
    await mustRun("mkfifo", [join(folder, "ff")]);
    const { code, stderr } = await sifonOrKilled(args, folder);
    expect(stderr).toMatch(/it is a FIFO \(named pipe\), not an image file/);
    expect([1, 2, 255]).toContain(code);
  });

  it("a FIFO that nobody reads is no place for a new SIF", async (context) => {
    const { folder } = await createSigningPlace(context);
    await mustRun("mkfifo", [join(folder, "ff")]);
    const { code, stderr } = await sifonOrKilled(["sif", "new", "ff"], folder);
    expect(stderr).toContain("ff");
    expect(code).toBe(1);
  });

  it("a directory, and a link to nothing, are told", async (context) => {
    const { folder } = await createSigningPlace(context);
    const header = await sifonOrKilled(["sif", "header", "."], folder);
    expect(header.stderr).toContain("reading global header: read .: is a directory");
    await symlink("nowhere", join(folder, "link"));
    const link = await sifonOrKilled(["convert", "link", "out.sif"], folder);
    expect(link.stderr).toContain('"link": it is a link to a file that does not exist');
    expect([header.code, link.code]).toEqual([1, 255]);
  });
});

describe.concurrent("standard output that takes nothing", () => {
  it.for([["sif list x.sif"], ["sif dump 1 x.sif"], ["key list"], ["--help"]])(
    "sifon %s fails",
    async ([words], context) => {
      const { folder, home } = await createSigningPlace(context);
      const line = `exec "${process.execPath}" "${SIFON_MAIN}" ${words} >/dev/full`;
      const { code, stderr } = await runCommand("sh", ["-c", line], { cwd: folder, env: { HOME: home } });
      expect(stderr).toContain("Cannot write the standard output: no space left on device");
      expect(code).toBe(255);
    },
  );
});

it.for([["1M"], ["64M"]])("convert keeps to --memory %s as build does, or refuses it", async ([limit], context) => {
  const { folder } = await createSigningPlace(context);
  const { code, stderr } = await sifonOrKilled(["convert", "--memory", `${limit}`, "x.sif", "out.sif"], folder);
  expect(stderr).toContain("A memory limit of");
  expect(stderr).toContain("is too small: the least is");
  expect(code).toBe(255);
});
