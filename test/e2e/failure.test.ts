import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  createRegistry,
  createWorkplace,
  expectFailure,
  expectHygiene,
  expectLeft,
  putFile,
  type Workplace,
} from "../cli/workplace.ts";
import { smallFileSystem } from "../sink/temporary-directory.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { followOnTerminal, type TerminalStep } from "../support/terminal.ts";
import { reportMissing, requireTool } from "../support/tools.ts";
import { entry, tar } from "../tar/tar-bytes.ts";

const LAYER = tar(entry({ name: "data" }, randomBytes(4 << 20)));
const TAR = { layers: [LAYER], layerType: "application/vnd.oci.image.layer.v1.tar" };

describe("a full disk", () => {
  it("under the output: the old file stays, the new one goes", async (context) => {
    const disk = smallFileSystem(2048);
    if (disk === undefined) return reportMissing("mounting a tmpfs is not allowed here");
    const registry = await createRegistry(context, TAR);
    const place = { ...(await createWorkplace(context)), out: disk };
    await putFile(place, "x.sif", "precious");
    const args = ["pull", "--no-https", "-F", join(disk, "x.sif"), `docker://${registry.host}/some/image`];
    await expectFailure(place, await place.run(args), {
      says: [`"${disk}/x.sif" at byte `, "no space left on device", "Free some space, or write to another file system"],
      files: { "x.sif": "precious" },
    });
  });

  it("under the spool of a pipe: the message tells how to move it", async (context) => {
    const disk = smallFileSystem(2048);
    if (disk === undefined) return reportMissing("mounting a tmpfs is not allowed here");
    const registry = await createRegistry(context, TAR);
    const place = await createWorkplace(context);
    const args = ["build", "--no-https", "-", `docker://${registry.host}/some/image`];
    for (const [options, env] of [
      [[], { TMPDIR: disk }],
      [["--tmpdir", disk], {}],
    ] as const) {
      const end = await place.run([args[0] as string, ...options, ...args.slice(1)], { env });
      await expectFailure(place, end, { says: [disk, /at byte \d+/, "point TMPDIR to another file system"] });
      expect(end.stdout.length).toBe(0);
      expect(await readdir(disk)).toEqual([]);
    }
  });
});

/** Runs a line on a pseudo terminal of 100 columns, and answers the question that comes. */
async function onTerminal({ out, env }: Workplace, line: string, answer?: string) {
  const SIFON = `${process.execPath} ${SIFON_MAIN}`;
  const steps: readonly TerminalStep[] = answer === undefined ? [] : [[/\[y\/N\] /, answer]];
  const options = { cwd: out, env: { ...env, SIFON, TERM: "xterm" } };
  const { code, seen } = await followOnTerminal(`stty cols 100; ${line}`, steps, options);
  return { code, text: seen };
}

describe.skipIf(requireTool("script", "bsdutils") === undefined)("on a terminal", () => {
  it.for([
    ["\n", "precious"],
    ["n\n", "precious"],
    ["y\n", "SIF"],
    ["YES\n", "SIF"],
  ] as const)("build asks before it overwrites; %j", async ([answer, expected], context) => {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    await putFile(place, "x.sif", "precious");
    const { code, text } = await onTerminal(place, `$SIFON build --no-https x.sif docker://${registry.host}/x`, answer);
    expect(text).toContain(
      "Build target 'x.sif' may be a definition file or a text/binary file that will be overwritten.",
    );
    const file = await readFile(join(place.out, "x.sif"), "latin1");
    expect(code).toBe(expected === "SIF" ? 0 : 255);
    expect(file.includes("SIF_MAGIC")).toBe(expected === "SIF");
    if (expected !== "SIF") {
      expect(text).toMatch(/FATAL:.*While checking build target: stopping build/);
      await expectLeft(place, { "x.sif": "precious" });
    }
  });

  it("pull never asks", async (context) => {
    const place = await createWorkplace(context);
    await putFile(place, "x.sif", "precious");
    const { code, text } = await onTerminal(place, "$SIFON pull x.sif docker://127.0.0.1:1/x");
    expect(text).toContain('Image file already exists: "x.sif" - will not overwrite');
    expect(code).toBe(255);
  });

  it("bars: a line stays for each blob, messages above, nothing wider than the terminal", async (context) => {
    const registry = await createRegistry(context, TAR);
    const place = await createWorkplace(context);
    const { code, text } = await onTerminal(place, `$SIFON build --no-https x.sif docker://${registry.host}/x`);
    expect(code, text).toBe(0);
    // A bar is drawn anew from the line's beginning.
    // biome-ignore-start lint/suspicious/noControlCharactersInRegex: what a terminal is sent
    const plain = text.replace(/\u001b\[\d*G/g, "\r").replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
    // biome-ignore-end lint/suspicious/noControlCharactersInRegex: what a terminal is sent
    const screen = plain.split(/[\r\n]+/).filter(Boolean);
    expect(screen.filter((line) => line.startsWith("Copying") && line.length > 100)).toEqual([]);
    expect(plain).toMatch(/^Copying config sha256:[0-9a-f]{12} .* \[=+\] +100 %/m);
    expect(plain).toMatch(/^Copying blob sha256:[0-9a-f]{12} .* 4\.0MiB \/ 4\.0MiB .* \[=+\] +100 %/m);
    expect(plain).toMatch(/^INFO: {4}Starting build\.\.\.\r?$/m);
    expect(screen.at(-1)).toBe("INFO:    Build complete: x.sif");
    expect(text).not.toContain("\u001b[?25l");
    expectHygiene({ code, signal: null, stdout: Buffer.alloc(0), stderr: plain, leftProcesses: false });
  });
});
