import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

/** How long a reader may wait for us; nothing tells when one opens a named pipe, so it is tried again and again. */
const RETRY_MS = 50;

/**
 * Opens a named pipe for writing once somebody reads it. An open(2) that waits for that would hold a thread of
 * libuv's, which no signal reaches and the end of the process waits for. Rejects with the system's error or the
 * signal's reason.
 */
export async function openFifo(path: string, { signal }: { readonly signal: AbortSignal }): Promise<Socket> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      return new Socket({ fd, readable: false, writable: true });
    } catch (error) {
      // fifo(7): without a reader.
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
    }
    await setTimeout(RETRY_MS, undefined, { signal });
  }
}
