// Bundles the command line into dist/cli, a file per group of modules that load together, and each kind of thread into
// one file. Without it a start reads 550 small modules. The library stays as tsc wrote it.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { defineConfig } from "rolldown";

const ROOT = import.meta.dirname;

/** Not bundled: openpgp is one file already, and under the LGPL, whose users may put another version in its place. */
const EXTERNAL = ["openpgp"];

/** Modules find files beside them by `import.meta.url`, which is to stay what it is without a bundle. */
function keepModuleUrls(folder) {
  return {
    name: "module-urls",
    transform: {
      filter: { id: /\/src\/.*\.ts$/, code: "import.meta.url" },
      handler(code, id) {
        const own = join(ROOT, "dist", relative(join(ROOT, "src"), id)).replace(/\.ts$/, ".js");
        const address = relative(join(ROOT, folder), own).split(sep).join("/");
        const url = `new URL(${JSON.stringify(address)}, import.meta.url).href`;
        // Lines stay where they are, and stacks are read by lines: the source map of tsc's holds.
        return { code: code.replaceAll("import.meta.url", url), map: null };
      },
    },
  };
}

/** The licences of the packages in the bundle, which ask to go with their code. */
function collectLicences() {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const ids = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
      const found = ids.map((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]).filter(Boolean);
      const texts = [...new Set(found)]
        .sort((a, b) => (a < b ? -1 : 1))
        .map((folder) => {
          const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
          return `${name} ${version}, ${license}\n\n${licenceText(folder, name)}`;
        });
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) });
    },
  };
}

function licenceText(folder, name) {
  const files = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file));
  if (files.length === 0) throw new Error(`${name} goes into the bundle and has no licence text`);
  return files.map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
}

/**
 * Begins a program that is started by its name: a shell's script and JavaScript in one, which ends Node's own options
 * before the program's. Node 20 takes `--env-file` wherever it stands, also what a container's program is to get, and
 * NODE_OPTIONS out of that file; `#!/usr/bin/env node` has no room for the two dashes, and `env -S` is not everywhere.
 */
const PROGRAM_HEAD = `#!/usr/bin/env sh
":" //; exec node -- "$0" "$@"
`;
const PROGRAMS = ["main", "run-singularity"];

/** Put before the finished files: the bundler would print the line anew, without what it takes for a comment. */
function programHeads() {
  return {
    name: "program-heads",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) if (PROGRAMS.includes(file.name)) file.code = PROGRAM_HEAD + file.code;
    },
  };
}

/** CommonJS: that loader is a third of the cost of the one for modules, which most commands then never start. */
function commonJs() {
  return {
    name: "commonjs",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "package.json", source: '{ "type": "commonjs" }\n' });
    },
  };
}

const shared = { platform: "node", cwd: ROOT, external: [/^node:/, ...EXTERNAL], checks: { pluginTimings: false } };
const output = { sourcemap: true, sourcemapExcludeSources: true, comments: { legal: true, jsdoc: false } };

// biome-ignore lint/style/noDefaultExport: the bundler takes its configuration as the default export
export default defineConfig([
  {
    ...shared,
    // `heap` by a name of its own: the benchmarks run with the same flags.
    input: Object.fromEntries([...PROGRAMS, "heap"].map((name) => [name, `src/cli/${name}.ts`])),
    plugins: [keepModuleUrls("dist/cli"), collectLicences(), commonJs(), programHeads()],
    output: {
      ...output,
      ...{ dir: "dist/cli", format: "cjs", cleanDir: true },
      ...{ entryFileNames: "[name].js", chunkFileNames: "[name].js" },
    },
  },
  ...["wasm", "source/thread"].map((folder) => ({
    ...shared,
    input: `src/${folder}/worker.ts`,
    // Packages stay where they are: the library starts these threads, too.
    external: /^[^./]/,
    plugins: [keepModuleUrls(`dist/${folder}`)],
    output: { ...output, file: `dist/${folder}/worker.js`, format: "es", codeSplitting: false },
  })),
]);
