import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type BlockCodec, type BlockResult, encodeInto } from "./block-codec.ts";
import { type BoardJob, type BoardWrite, JobBoard, REFUSED } from "./job-board.ts";
import type { BoardSetup, LentMemory } from "./worker-messages.ts";
import { writeSlots } from "./write-slots.ts";

const NOT_ENCODED: BlockResult = { compressedSize: REFUSED, hash: [0, 0, 0, 0] };

/**
 * Encodes the board's blocks until the thread is ended, each into its slot, and writes slots. It never returns: the port
 * is not served, but looked into where a job names a memory that is not known yet.
 */
export function serveBlocks(port: MessagePort, codec: BlockCodec, blockSize: number, setup: BoardSetup): never {
  const { slotCount, memory, slots, enough } = setup;
  const board = new JobBoard(slotCount, memory);
  const lent: SharedArrayBuffer[] = [slots];
  const bytesOf = ({ memory: number, offset, size }: BoardJob): Uint8Array | undefined => {
    while (lent[number] === undefined) {
      const received = receiveMessageOnPort(port) as { readonly message: LentMemory } | undefined;
      if (received === undefined) return undefined;
      lent[received.message.number] = received.message.memory;
    }
    return new Uint8Array(lent[number], offset, size);
  };
  const encodedBytes = ({ slot, size }: BoardWrite) => new Uint8Array(slots, slot * blockSize, size);
  const encode = (job: BoardJob): boolean => {
    const block = bytesOf(job);
    const target = new Uint8Array(slots, job.slot * blockSize, blockSize);
    const result = block === undefined ? NOT_ENCODED : encodeInto(codec, block, target);
    return board.answer(job.slot, result, enough);
  };
  for (;;) {
    const work = board.take();
    const wakes =
      work.kind === "block" ? encode(work) : board.answerWrites(work, writeSlots(work.writes, encodedBytes));
    if (wakes) port.postMessage(undefined);
  }
}
