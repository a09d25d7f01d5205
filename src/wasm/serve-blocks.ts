import type { MessagePort } from "node:worker_threads";
import { type BlockCodec, compressInPlace } from "./block-codec.ts";
import type { EncodeAnswer, EncodeRequest } from "./worker-messages.ts";

/** Answers every block that comes through a port with its encoding, in the buffer that it came in. */
export function serveBlocks(port: MessagePort, codec: BlockCodec): void {
  port.on("message", ({ buffer, size }: EncodeRequest) => {
    const block = new Uint8Array(buffer, 0, size);
    const hash = codec.contentHash(block);
    const compressedSize = compressInPlace(codec, block);
    port.postMessage({ buffer, compressedSize, hash } satisfies EncodeAnswer, [buffer]);
  });
}
