import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type BlockCodec, type BlockResult, encodeInto } from "./block-codec.ts";
import { type BoardJob, JobBoard, REFUSED } from "./job-board.ts";
import type { BoardSetup, LentMemory } from "./worker-messages.ts";

const NOT_ENCODED: BlockResult = { compressedSize: REFUSED, hash: [0, 0, 0, 0] };

/**
 * Encodes the board's blocks until the thread is ended, each into its slot. It never returns: the port is not served,
 * but looked into where a job names a memory that is not known yet.
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
  for (;;) {
    const job = board.take();
    const block = bytesOf(job);
    const target = new Uint8Array(slots, job.slot * blockSize, blockSize);
    const result = block === undefined ? NOT_ENCODED : encodeInto(codec, block, target);
    if (board.answer(job.slot, result, enough)) port.postMessage(undefined);
  }
}
