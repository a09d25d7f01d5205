import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Debian's C libraries in a process of their own, asked one run at a time. */
export interface Native {
  load(path: string): Promise<void>;
  /** Compresses every loaded block once. */
  run(library: "zlib" | "libdeflate" | "lz4", level: number): Promise<{ ns: number; bytes: number }>;
  close(): void;
}

const OUT = join(import.meta.dirname, "out");
const PACKAGES = ["zlib1g-dev", "libdeflate-dev", "liblz4-dev"];

/** Compiles native.c against Debian's packages, which are unpacked under bench/out, not installed. */
export function startNative(): Native {
  const source = join(import.meta.dirname, "native.c");
  const program = join(OUT, "native");
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) compile(source, program);
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`bench/native ended at: ${line}`);
    return value;
  };
  return {
    load: async (path) => {
      await ask(`load ${path}`);
    },
    run: async (library, level) => {
      const [ns, bytes] = (await ask(`run ${library} ${level}`)).split(" ").map(Number);
      return { ns: ns as number, bytes: bytes as number };
    },
    close: () => child.stdin.end(),
  };
}

function compile(source: string, program: string): void {
  const packages = join(OUT, "packages");
  const root = join(OUT, "root");
  mkdirSync(packages, { recursive: true });
  execFileSync("apt-get", ["download", "-qq", ...PACKAGES], { cwd: packages, stdio: ["ignore", "inherit", "ignore"] });
  for (const deb of readdirSync(packages)) execFileSync("dpkg-deb", ["-x", join(packages, deb), root]);
  const usr = join(root, "usr");
  const machine = execFileSync("cc", ["-dumpmachine"], { encoding: "utf8" }).trim();
  const archives = ["libdeflate.a", "libz.a", "liblz4.a"].map((name) => findLibrary(usr, machine, name));
  execFileSync("cc", ["-O2", `-I${usr}/include`, `-I${usr}/include/${machine}`, source, ...archives, "-o", program]);
}

function findLibrary(usr: string, machine: string, name: string): string {
  for (const triplet of [machine, machine.replace("-pc-", "-"), "x86_64-linux-gnu", "aarch64-linux-gnu"]) {
    const path = join(usr, "lib", triplet, name);
    if (existsSync(path)) return path;
  }
  throw new Error(`no ${name} in the unpacked packages`);
}
