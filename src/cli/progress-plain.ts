import type { OnProgress, ProgressEvent } from "../index.ts";
import type { Logger } from "./logger.ts";
import { formatBytes } from "./units.ts";

/** How long a log stays silent while a blob is copied. */
const INTERVAL_MS = 10_000;

interface Copy {
  readonly startedMs: number;
  received: number;
}

/** Progress for logs and batch systems: one line per blob, and one every ten seconds while something large is copied. */
export function plainProgress(log: Logger, now: () => number = Date.now): OnProgress {
  const copies = new Map<string, Copy>();
  // Told by their own message already.
  const reused = new Set<string>();
  let lastLineMs = now();
  const line = (text: string) => {
    lastLineMs = now();
    log.plain(text);
  };
  return (event: ProgressEvent) => {
    switch (event.kind) {
      case "blob-reused":
        reused.add(event.digest);
        break;
      case "blob-start":
        if (reused.has(event.digest)) break;
        copies.set(event.digest, { startedMs: now(), received: 0 });
        line(`Copying ${event.role === "config" ? "config" : "blob"} ${event.digest} (${formatBytes(event.size)})`);
        break;
      case "blob-progress": {
        const copy = copies.get(event.digest);
        if (copy === undefined) break;
        copy.received = event.received;
        if (now() - lastLineMs >= INTERVAL_MS)
          line(state(event.digest, event.received, event.size, now() - copy.startedMs));
        break;
      }
      case "blob-end":
        copies.delete(event.digest);
        break;
      default:
        break;
    }
  };
}

function state(digest: string, received: number, size: number, elapsedMs: number): string {
  const percent = size === 0 ? 100 : Math.floor((received / size) * 100);
  const rate = formatBytes(Math.round((received / Math.max(elapsedMs, 1)) * 1000));
  return `  ${digest.slice(0, 19)}  ${formatBytes(received)} / ${formatBytes(size)}  ${percent} %  ${rate}/s`;
}
