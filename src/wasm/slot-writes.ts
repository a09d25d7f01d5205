import { write } from "node:fs";
import { getSystemErrorMap, promisify } from "node:util";
import { writeFully } from "../bytes/file-range.ts";
import type { WriteTarget } from "../bytes/memory-writer.ts";
import type { BoardWrite, JobBoard } from "./job-board.ts";

const writeFd = promisify(write);

/** Slots on their way to files: the encoder's threads write them or, once these have ended, this one. */
export class SlotWrites {
  readonly #board: JobBoard;
  readonly #bytesOf: (write: BoardWrite) => Uint8Array;
  /** By slot. */
  readonly #targets: (WriteTarget | undefined)[] = [];
  /** Slots in the order in which their writes were begun, which is that of the answers. */
  readonly #order: number[] = [];

  /** @param bytesOf what a write is to write */
  constructor(board: JobBoard, bytesOf: (write: BoardWrite) => Uint8Array) {
    this.#board = board;
    this.#bytesOf = bytesOf;
  }

  /** Whether a slot is on its way. */
  has(slot: number): boolean {
    return this.#targets[slot] !== undefined;
  }

  begin(slot: number, size: number, target: WriteTarget, position: number): void {
    this.#targets[slot] = target;
    this.#order.push(slot);
    this.#board.handInWrite({ slot, size, fd: target.fd, position });
  }

  /** A thread has answered. */
  end(slot: number): void {
    const { done, errno } = this.#board.writeAnswerOf(slot);
    this.#tell(slot, done, errno === 0 ? undefined : systemError(errno));
  }

  /**
   * Writes what no thread has answered, in its order: a thread that was ended in the middle of that has written the same
   * bytes to the same place, or some of them. Only once all threads are gone.
   * @param onDone after each slot
   */
  async takeOver(onDone: (slot: number) => void): Promise<void> {
    for (let slot = this.#order[0]; slot !== undefined; slot = this.#order[0]) {
      const begun = this.#board.writeOf(slot);
      const { fd, position, size } = begun;
      const file = {
        write: (bytes: Uint8Array, from: number, length: number, at: number) => writeFd(fd, bytes, from, length, at),
      };
      try {
        await writeFully(file, this.#bytesOf(begun), position);
        this.#tell(slot, size, undefined);
      } catch (error) {
        this.#tell(slot, 0, error as NodeJS.ErrnoException);
      }
      onDone(slot);
    }
  }

  #tell(slot: number, done: number, error: NodeJS.ErrnoException | undefined): void {
    const target = this.#targets[slot];
    this.#targets[slot] = undefined;
    this.#order.splice(this.#order.indexOf(slot), 1);
    target?.written(this.#board.writeOf(slot).position + done, error);
  }
}

/** As Node throws it in the thread, where it was left. */
function systemError(errno: number): NodeJS.ErrnoException {
  const [code, reason] = getSystemErrorMap().get(errno) ?? [`errno ${errno}`, "unknown error"];
  return Object.assign(new Error(`${code}: ${reason}, write`), { errno, code, syscall: "write" });
}
