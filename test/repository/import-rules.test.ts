import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The house (ARCHITECTURE.md), row by row from the top: what a folder may import beside bytes, errors.ts and progress.ts. */
const BASE = ["oci", "tar", "fstree", "wasm", "sink"];
const MIDDLE = [...BASE, "layer", "squashfs", "sif", "singularity-d"];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  tar: [],
  fstree: [],
  wasm: [],
  sink: [],
  layer: ["oci", "tar", "fstree", "wasm"],
  squashfs: ["fstree", "wasm", "sink"],
  sif: ["sink"],
  "singularity-d": ["oci", "fstree"],
  cache: MIDDLE,
  auth: MIDDLE,
  source: ["oci", "cache", "auth", "layer"],
  deffile: [...MIDDLE, "source"],
  sandbox: [...MIDDLE, "source"],
  sign: [...MIDDLE, "source"],
  image: [...MIDDLE, "source"],
  runtime: [...MIDDLE, "source"],
  build: [...MIDDLE, "cache", "auth", "source", "deffile", "sandbox", "sign", "image", "runtime"],
};
const FOLDERS = ["bytes", ...Object.keys(MAY_IMPORT), "cli"];
const JOBS = ["convert.ts", "inspect.ts"];
const PUBLIC = ["index.ts", "runtime.ts", "sif.ts", "squashfs.ts"];
const GROUND = ["errors.ts", "progress.ts"];
const TARGETS = [...FOLDERS, ...JOBS, ...PUBLIC, ...GROUND];

function allowed(from: string, to: string): boolean {
  if (from === to) return true;
  if (from === "cli") return to === "index.ts" || to === "runtime.ts";
  if (to === "cli") return false;
  if ([...JOBS, ...PUBLIC].includes(from)) return !PUBLIC.includes(to);
  if (GROUND.includes(to) || to === "bytes") return true;
  return MAY_IMPORT[from]?.includes(to) ?? false;
}

/** A file that imports `to`, the specifier as that file would write it. */
interface Probe {
  readonly from: string;
  readonly to: string;
  readonly file: string;
}

function probes(): Probe[] {
  const list: Probe[] = [];
  for (const to of TARGETS) {
    for (const from of FOLDERS) {
      for (const where of [from, `${from}/inner`]) {
        // A detour such as "../oci/a.ts" from within oci/ itself is nobody's style, and is refused.
        if (to === where) continue;
        list.push({ from, to, file: `src/${where}/to-${to.replace(".ts", "-module")}.ts` });
      }
    }
  }
  return list;
}

function specifier(file: string, to: string): string {
  const up = "../".repeat(file.split("/").length - 2) || "./";
  return to.endsWith(".ts") ? up + to : `${up}${to}/thing.ts`;
}

describe("biome.json import rules", () => {
  let folder: string;
  const refused = new Map<string, number>();

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "sifon-import-rules-")));
    await copyFile(join(ROOT, "biome.json"), join(folder, "biome.json"));
    for (const probe of probes()) {
      const path = specifier(probe.file, probe.to);
      await put(probe.file, `import { a } from "${path}";\nexport const b = [a, import("${path}")];\n`);
    }
    for (const file of [...JOBS, ...PUBLIC, ...GROUND]) {
      const lines = TARGETS.filter((to) => to !== file).map(
        (to) => `export * from "${specifier(`src/${file}`, to)}";\n`,
      );
      await put(`src/${file}`, lines.join(""));
    }
    await put("src/oci/outside.ts", 'export { a } from "../../test/support/tools.ts";\n');
    await put("src/convert-outside.ts", 'export { a } from "../bench/thing.ts";\n');
    for (const finding of lint(folder)) refused.set(finding, (refused.get(finding) ?? 0) + 1);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function put(file: string, text: string): Promise<void> {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }

  it.each(FOLDERS)("%s/ imports what the table allows and nothing else, nested or not", (from) => {
    const seen = probes()
      .filter((probe) => probe.from === from)
      .map(({ file, to }) => ({ file, to, refusals: refused.get(file) ?? 0 }));
    // Both the import declaration and the import() of a probe are judged.
    const expected = seen.map(({ file, to }) => ({ file, to, refusals: allowed(from, to) ? 0 : 2 }));
    expect(seen).toEqual(expected);
  });

  it.each([...JOBS, ...PUBLIC])("%s imports no public module and no command", (file) => {
    const forbidden = TARGETS.filter((to) => to !== file && !allowed(file, to)).length;
    expect(refused.get(`src/${file}`)).toBe(forbidden);
  });

  it.each(GROUND)("%s imports bytes/ and its like only", (file) => {
    expect(refused.get(`src/${file}`)).toBe(TARGETS.length - GROUND.length - 1);
  });

  it.each(["src/oci/outside.ts", "src/convert-outside.ts"])("%s cannot leave src/", (file) => {
    expect(refused.get(file)).toBe(1);
  });

  it("covers every folder of src/", async () => {
    const folders = (await readdir(join(ROOT, "src"), { withFileTypes: true })).filter((e) => e.isDirectory());
    expect(FOLDERS).toEqual(expect.arrayContaining(folders.map((e) => e.name)));
  });
});

/** Files with a refused import, once for each. */
function lint(folder: string): string[] {
  const biome = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  const args = [
    biome,
    "lint",
    "--only=style/noRestrictedImports",
    "--max-diagnostics=none",
    "--reporter=github",
    "src",
  ];
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", maxBuffer: 64 << 20 });
  const lines = stdout.split("\n").filter((line) => line.includes("noRestrictedImports"));
  return lines.map((line) => relative(folder, /file=([^,]+)/.exec(line)?.[1] ?? line));
}
