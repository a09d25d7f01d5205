import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustRun, runCommand } from "../support/command.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HELLO = `oci:${join(ROOT, "fixtures/hello/image")}:latest`;

let folder: string;
let installed: string;
const bin = (name: string) => join(folder, "node_modules/.bin", name);

/** As `npm install sifon-X.tgz` in an empty folder, without asking a registry: dependencies are linked from here. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-package-"));
  installed = join(folder, "node_modules/sifon");
  // The scripts would build again what the other tests are running.
  const { stdout } = await mustRun("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: ROOT,
  });
  const [packed] = JSON.parse(stdout) as [{ readonly filename: string }];
  await unpack(await readFile(join(folder, packed.filename)));
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as {
    readonly bin: Readonly<Record<string, string>>;
    readonly dependencies: Readonly<Record<string, string>>;
  };
  await mkdir(join(folder, "node_modules/.bin"));
  for (const [name, path] of Object.entries(manifest.bin)) {
    await chmod(join(installed, path), 0o755);
    await symlink(join("../sifon", path), bin(name));
  }
  for (const name of Object.keys(manifest.dependencies)) {
    await mkdir(dirname(join(folder, "node_modules", name)), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function unpack(archive: Uint8Array): Promise<void> {
  const extraction = extract();
  extraction.end(gunzipSync(archive));
  for await (const entry of extraction) {
    const path = join(installed, entry.header.name.slice("package/".length));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, entry as AsyncIterable<Uint8Array>);
  }
}

/** A module's text run in the folder, as an embedding program's. */
async function runModule(text: string): Promise<unknown> {
  const { stdout } = await mustRun(process.execPath, ["--input-type=module", "--eval", text], { cwd: folder });
  return JSON.parse(stdout);
}

describe("the packed package", () => {
  it("has a command line that tells its version", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { readonly version: string };
    expect((await mustRun(bin("sifon"), ["--version"])).stdout).toBe(`sifon version ${version}\n`);
  });

  it("has run-singularity, which is told what to run", async () => {
    const { code, stderr } = await runCommand(bin("run-singularity"), ["nowhere.sif"], { cwd: folder });
    expect(code).toBe(255);
    expect(stderr).toContain("nowhere.sif");
  });

  it.each([
    ["sifon", ["exec", "--env-file", "ENV", "nowhere.sif", "true"]],
    ["sifon", ["exec", "nowhere.sif", "echo", "--env-file=ENV"]],
    ["run-singularity", ["nowhere.sif", "--env-file", "ENV"]],
  ])("%s %j: nothing of it is for Node, which would take its own options out of the file", async (name, words) => {
    await writeFile(join(folder, "ENV"), "NODE_OPTIONS=--no-such-option\n");
    const { code, stderr } = await runCommand(bin(name), words, { cwd: folder });
    expect(code).toBe(255);
    expect(stderr).toMatch(/^FATAL: .*nowhere\.sif/m);
  });

  it("converts by threads from the command line and as a library, to the same bytes", async () => {
    await mustRun(bin("sifon"), ["build", "--workers", "2", "cli.sif", HELLO], { cwd: folder });
    await runModule(`
      import { convert, createSource, openSink } from "sifon";
      const source = createSource(${JSON.stringify(HELLO)});
      const sink = await openSink("library.sif", { overwrite: true });
      await convert({ source, sink, workers: 2 });
      await source.close();
      console.log("true");
    `);
    const [one, other] = await Promise.all(
      ["cli.sif", "library.sif"].map((name) => readFile(join(folder, name), "base64")),
    );
    expect(one).toBe(other);
  });

  it("has four entry points, whose errors are of one class", async () => {
    const found = await runModule(`
      import * as all from "sifon";
      import * as runtime from "sifon/runtime";
      import * as sif from "sifon/sif";
      import * as squashfs from "sifon/squashfs";
      const error = await sif.withFileAccess(${JSON.stringify(join(ROOT, "package.json"))}, sif.readSif).catch((e) => e);
      console.log(JSON.stringify([
        [all.convert, runtime.runContainer, sif.readSif, squashfs.SquashfsImage].map((value) => typeof value),
        error instanceof sif.SifError, error instanceof all.SifError, error instanceof runtime.SifonError,
      ]));
    `);
    expect(found).toEqual([["function", "function", "function", "function"], true, true, true]);
  });

  it("brings the licences of what is bundled with its command line", async () => {
    const texts = await readFile(join(installed, "dist/cli/LICENSES.txt"), "utf8");
    for (const name of ["commander", "undici", "tar-stream"])
      expect(texts).toMatch(new RegExp(`^${name} [\\d.]+, MIT$`, "m"));
    expect(texts).not.toMatch(/^openpgp /m);
  });

  it("starts a container's action from a few files, without what converts, fetches or signs", async () => {
    const main = join(installed, "dist/cli/main.js");
    const script = `
      process.on("exit", () => console.log(JSON.stringify(Object.keys(require.cache))));
      process.argv.push("sifon", "run-help", "nowhere.sif");
      require(${JSON.stringify(main)});
    `;
    const { stdout } = await runCommand(process.execPath, ["--eval", script], { cwd: folder });
    const loaded = (JSON.parse(stdout) as string[]).map((path) => path.slice(dirname(main).length + 1));
    expect(loaded).toContain("main.js");
    expect(loaded.length).toBeLessThan(20);
    expect(await readdir(dirname(main))).toEqual(expect.arrayContaining(["src.js", "pool.js", "commands.js"]));
    for (const name of ["src.js", "pool.js", "undici.js", "commands.js"]) expect(loaded).not.toContain(name);
  });
});
