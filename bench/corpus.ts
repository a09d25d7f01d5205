// npm run bench -- corpus: makes bench/out/corpus/KIND.blocks from Debian packages, a few MiB per kind of file.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

/** Blocks of one kind of files, cut as SquashFS cuts them. */
export interface Corpus {
  readonly kind: Kind;
  /** The file with all blocks, u32 size in front of each: what the C side reads. */
  readonly path: string;
  readonly blocks: readonly Uint8Array[];
}

export const BLOCK_SIZE = 131072;
const OUT = join(import.meta.dirname, "out", "corpus");
const MIB = 1 << 20;

/** What container images consist of, with the share of each. */
const KINDS = { elf: 12 * MIB, text: 8 * MIB, locale: 4 * MIB, bytecode: 4 * MIB, compressed: 2 * MIB } as const;
export type Kind = keyof typeof KINDS;

const PACKAGES = [
  ...["bash", "coreutils", "libc6", "libssl3", "libstdc++6", "binutils-x86-64-linux-gnu", "python3-numpy"],
  ...["libpython3.11-stdlib", "libpython3.11-minimal", "perl-modules-5.36", "vim-runtime", "libc-l10n"],
  ...["git-man", "adwaita-icon-theme"],
];

/** The corpus, made now if it is not there. */
export function loadCorpus(): Corpus[] {
  const kinds = Object.keys(KINDS) as Kind[];
  if (!kinds.every((kind) => existsSync(pathOf(kind)))) makeCorpus();
  return kinds.map((kind) => ({ kind, path: pathOf(kind), blocks: readBlocks(pathOf(kind)) }));
}

function pathOf(kind: Kind): string {
  return join(OUT, `${kind}.blocks`);
}

function makeCorpus(): void {
  mkdirSync(OUT, { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), "sifon-corpus-"));
  try {
    execFileSync("apt-get", ["download", "-qq", ...PACKAGES], { cwd: scratch, stdio: ["ignore", "ignore", "ignore"] });
    const tree = join(scratch, "tree");
    for (const file of readdirSync(scratch)) if (file.endsWith(".deb")) unpack(join(scratch, file), tree);
    // Images carry the byte code that package scripts make on installation.
    execFileSync("python3", ["-m", "compileall", "-q", "-s", tree, join(tree, "usr/lib/python3.11")], {
      stdio: "ignore",
    });
    const files = listFiles(tree);
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const chosen = sample(
        files.filter((file) => file.kind === kind).map((file) => file.bytes),
        KINDS[kind],
      );
      writeFileSync(pathOf(kind), Buffer.concat(cut(chosen).flatMap((block) => [sizeField(block.length), block])));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function unpack(deb: string, tree: string): void {
  execFileSync("dpkg-deb", ["-x", deb, tree]);
}

function listFiles(tree: string): { kind: Kind | undefined; bytes: Uint8Array }[] {
  const entries = readdirSync(tree, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return paths.map((path) => {
    const bytes = readFileSync(path);
    return { kind: kindOf(path, bytes), bytes };
  });
}

function kindOf(path: string, bytes: Uint8Array): Kind | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === 0x7f && bytes[1] === 0x45) return "elf";
  const extension = extname(path);
  if ([".gz", ".png", ".xz", ".jpg", ".whl"].includes(extension)) return "compressed";
  if (extension === ".pyc") return "bytecode";
  if (extension === ".mo" || path.includes("/locale/")) return "locale";
  return bytes.includes(0) ? undefined : "text";
}

/** Files from all over the list, until there are enough bytes. */
function sample(files: readonly Uint8Array[], limit: number): Uint8Array[] {
  const total = files.reduce((sum, file) => sum + file.length, 0);
  const chosen: Uint8Array[] = [];
  let seen = 0;
  let taken = 0;
  for (const file of files) {
    seen += file.length;
    if (taken >= limit || taken * total > seen * limit) continue;
    chosen.push(file);
    taken += file.length;
  }
  return chosen;
}

/** Full blocks of each file; its tail goes to a shared fragment block. */
function cut(files: readonly Uint8Array[]): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  let fragments: Uint8Array[] = [];
  let fragmentsSize = 0;
  for (const file of files) {
    const tail = file.length - (file.length % BLOCK_SIZE);
    for (let start = 0; start < tail; start += BLOCK_SIZE) blocks.push(file.subarray(start, start + BLOCK_SIZE));
    if (fragmentsSize + file.length - tail > BLOCK_SIZE) {
      blocks.push(Buffer.concat(fragments));
      fragments = [];
      fragmentsSize = 0;
    }
    fragments.push(file.subarray(tail));
    fragmentsSize += file.length - tail;
  }
  if (fragmentsSize > 0) blocks.push(Buffer.concat(fragments));
  return blocks;
}

function sizeField(size: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(size);
  return bytes;
}

function readBlocks(path: string): Uint8Array[] {
  const bytes = readFileSync(path);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    blocks.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return blocks;
}

if (process.argv[1]?.endsWith("corpus.ts")) {
  makeCorpus();
  for (const { kind, blocks } of loadCorpus()) {
    console.log(`${kind}: ${blocks.length} blocks, ${blocks.reduce((sum, block) => sum + block.length, 0)} bytes`);
  }
}
