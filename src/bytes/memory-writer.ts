/** A file that pieces of memory are written to, and who is told of it. */
export interface WriteTarget {
  /** Descriptor, of this process; it stays open until every write that was begun is told of. */
  readonly fd: number;
  /**
   * A write has ended, well or with the system's error; told in the order in which writes were begun.
   * @param end where in the file it ended: behind the last byte, or at the one that was refused
   */
  written(end: number, error: NodeJS.ErrnoException | undefined): void;
}

/** Writes what lies in a memory straight from there, in threads of its own, while its caller goes on. */
export interface MemoryWriter {
  /**
   * Begins to write a piece to a place in a file. The piece stays as it is until that is done, even where it is given
   * back before. False where nothing was begun, as it can not be written this way (now): then the caller has to do it.
   */
  write(bytes: Uint8Array, target: WriteTarget, position: number): boolean;
}

const writers = new WeakMap<ArrayBufferLike, MemoryWriter>();

/** Says who writes pieces of a memory. */
export function offerWriter(memory: SharedArrayBuffer, writer: MemoryWriter): void {
  writers.set(memory, writer);
}

/** Who writes the memory that these bytes lie in; undefined for ordinary memory. */
export function writerOf(bytes: Uint8Array): MemoryWriter | undefined {
  return writers.get(bytes.buffer);
}
