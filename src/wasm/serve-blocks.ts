import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type BlockCodec, encodeInto } from "./block-codec.ts";
import { type BoardJob, JobBoard } from "./job-board.ts";
import type { BoardSetup, LentMemory } from "./worker-messages.ts";

/**
 * Encodes the board's blocks until the thread is ended, each into its slot. It never returns: the port is not served,
 * but looked into where a job names a memory that is not known yet.
 */
export function serveBlocks(port: MessagePort, codec: BlockCodec, blockSize: number, setup: BoardSetup): never {
  const { slotCount, memory, slots, enough } = setup;
  const board = new JobBoard(slotCount, memory);
  const lent: SharedArrayBuffer[] = [slots];
  const bytesOf = ({ memory: number, offset, size }: BoardJob): Uint8Array => {
    while (lent[number] === undefined) {
      const { message } = receiveMessageOnPort(port) as { message: LentMemory };
      lent[message.number] = message.memory;
    }
    return new Uint8Array(lent[number], offset, size);
  };
  for (;;) {
    const job = board.take();
    const target = new Uint8Array(slots, job.slot * blockSize, blockSize);
    const result = encodeInto(codec, bytesOf(job), target);
    if (board.answer(job.slot, result, enough)) port.postMessage(undefined);
  }
}
