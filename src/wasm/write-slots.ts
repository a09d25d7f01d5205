import { writevSync } from "node:fs";
import type { BoardWrite, WriteResult } from "./job-board.ts";

/** For an error that did not come from the system: libuv's UV_UNKNOWN. */
const UNKNOWN = -4094;

/**
 * Writes slots to files, those that follow each other in a file by one call to the system. Blocks the thread.
 * @param bytesOf what a write is to write
 */
export function writeSlots(
  writes: readonly BoardWrite[],
  bytesOf: (write: BoardWrite) => Uint8Array,
): readonly WriteResult[] {
  const results: WriteResult[] = [];
  while (results.length < writes.length) {
    const run = runFrom(writes, results.length);
    const { position, fd } = run[0] as BoardWrite;
    const { written, errno } = writeWhole(fd, run.map(bytesOf), position);
    for (const { position: start, size } of run) {
      const done = Math.min(size, Math.max(0, position + written - start));
      results.push({ done, errno: done === size ? 0 : errno });
    }
  }
  return results;
}

/** The writes from one on that follow each other in one file. */
function runFrom(writes: readonly BoardWrite[], first: number): BoardWrite[] {
  const { fd, position } = writes[first] as BoardWrite;
  const run: BoardWrite[] = [];
  let end = position;
  for (let next = first; writes[next]?.fd === fd && writes[next]?.position === end; next++) {
    const write = writes[next] as BoardWrite;
    run.push(write);
    end += write.size;
  }
  return run;
}

/** One call may write less than it was given, as before a disk is full. */
function writeWhole(
  fd: number,
  pieces: Uint8Array[],
  position: number,
): { readonly written: number; readonly errno: number } {
  let written = 0;
  try {
    while (pieces.length > 0) {
      let count = writevSync(fd, pieces, position + written);
      written += count;
      for (let piece = pieces[0]; piece !== undefined && count >= piece.length; piece = pieces[0]) {
        count -= piece.length;
        pieces.shift();
      }
      if (pieces[0] !== undefined) pieces[0] = pieces[0].subarray(count);
    }
    return { written, errno: 0 };
  } catch (error) {
    return { written, errno: (error as NodeJS.ErrnoException).errno ?? UNKNOWN };
  }
}
