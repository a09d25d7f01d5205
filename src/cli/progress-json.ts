import { type OnProgress, type ProgressEvent, printable } from "../index.ts";
import type { MessageStream } from "./logger.ts";

/** `--json`: each event as one JSON object a line, as it happens, with the time in milliseconds since 1970. */
export function jsonProgress(stream: MessageStream): OnProgress {
  return (event: ProgressEvent) => {
    stream.write(`${printable(JSON.stringify({ time: Date.now(), ...event }))}\n`);
  };
}
