import type { FileHandle } from "node:fs/promises";
import { runTool } from "./run-tool.ts";

/** A stretch of a sparse file that may hold data, `to` not included; what lies between two is zeros. */
export interface DataRun {
  readonly from: number;
  readonly to: number;
}

/** Bytes that a file must have beyond its blocks on disk; reading fewer zeros takes less time than to start a program. */
const WORTH_ASKING: number = 64 * 1024 * 1024;
/** What lies behind so many is read as it is: a bound for the list. */
const MAX_RUNS = 65_536;

// lseek(2) with SEEK_DATA (3) and SEEK_HOLE (4) on the file that is its standard input; ENXIO (6): nothing but a hole.
const SCRIPT = `my ($size, $left) = @ARGV;
for (my $at = 0; $at < $size;) {
  my $from = sysseek(STDIN, $at, 3);
  exit($! == 6 ? 0 : 1) unless defined $from;
  my $to = --$left > 0 ? sysseek(STDIN, $from, 4) : $size;
  exit 1 unless defined $to;
  printf "%d %d\\n", $from, $to;
  $at = $to + 0;
}`;

/**
 * Where a sparse file has data; undefined where that is not known and the file has to be read. The number of blocks is
 * a reason to ask, never an answer: ZFS counts them late, and Lustre has none for a file that lies on tape. Node has no
 * lseek(2), so perl asks the kernel, whose SEEK_HOLE takes for data what it is not sure of. Moves the file's offset.
 */
export async function dataRuns(
  handle: FileHandle,
  { size, blocks }: { readonly size: number; readonly blocks: number },
): Promise<readonly DataRun[] | undefined> {
  // Blocks of st_blocks have 512 bytes, whatever the file system's own have (stat(2)).
  if (size - blocks * 512 < WORTH_ASKING) return undefined;
  const args = ["-e", SCRIPT, String(size), String(MAX_RUNS)];
  const result = await runTool("perl", args, { cwd: "/", stdin: handle.fd });
  return result?.code === 0 ? parseRuns(result.stdout.toString("latin1"), size) : undefined;
}

function parseRuns(text: string, size: number): readonly DataRun[] | undefined {
  const runs: DataRun[] = [];
  let end = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const [from, to] = line.split(" ").map(Number) as [number, number];
    // A file that grew meanwhile is noticed by who reads it.
    const run = { from, to: Math.min(to, size) };
    if (!(from >= end && run.to > from)) return undefined;
    runs.push(run);
    end = run.to;
  }
  return runs;
}
