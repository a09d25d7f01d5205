import { MultiBar, type SingleBar } from "cli-progress";
import type { OnProgress, ProgressEvent } from "../index.ts";
import { barLine } from "./bar-line.ts";
import type { Logger } from "./logger.ts";

/** Bars for a terminal; `stop` leaves the last state of each on the screen. */
export interface BarProgress {
  readonly onProgress: OnProgress;
  stop(): void;
}

/** What a stream without a size of its own is taken to have. */
const DEFAULT_COLUMNS = 80;

interface Shown {
  readonly bar: SingleBar;
  readonly title: string;
  readonly startedMs: number;
  readonly size: number;
  received: number;
}

/**
 * A bar for each blob that is being copied. Of one that is whole the line stays, above the bars: an image of
 * a hundred layers scrolls, however low the terminal.
 */
export function barProgress(log: Logger, stream: NodeJS.WriteStream): BarProgress {
  const bars = new Map<string, Shown>();
  const reused = new Set<string>();
  const line = ({ title, received, size, startedMs }: Shown) =>
    barLine({ title, received, size, elapsedMs: Date.now() - startedMs }, stream.columns || DEFAULT_COLUMNS);
  const multi = new MultiBar({
    stream,
    format: (_options, _params, payload: { readonly digest?: string }) => {
      const shown = bars.get(payload.digest ?? "");
      return shown === undefined ? "" : line(shown);
    },
    // A killed process would leave the terminal without cursor or line wrapping; signals are the command's to handle.
    hideCursor: false,
    linewrap: true,
    gracefulExit: false,
    clearOnComplete: true,
    emptyOnZero: true,
    fps: 8,
  });
  // An update in front of the first bar would start a timer that nothing ever stops.
  let drawing = false;
  const print = (text: string) => {
    if (!drawing) {
      stream.write(`${text}\n`);
      return;
    }
    multi.log(`${text}\n`);
    multi.update();
  };
  const finish = (digest: string, shown: Shown) => {
    multi.log(`${line(shown)}\n`);
    bars.delete(digest);
    multi.remove(shown.bar);
  };
  log.lineWriter = print;
  const onProgress = (event: ProgressEvent) => {
    switch (event.kind) {
      case "blob-reused":
        reused.add(event.digest);
        break;
      case "blob-start": {
        const { digest, size, role } = event;
        // Read from the cache at the speed of the disk, and told by a message already.
        if (reused.has(digest)) break;
        const title = `Copying ${role === "config" ? "config" : "blob"} ${digest.slice(0, 19)}`;
        const before = bars.get(digest);
        if (before !== undefined) finish(digest, before);
        drawing = true;
        const bar = multi.create(size, 0, { digest });
        bars.set(digest, { bar, title, startedMs: Date.now(), size, received: 0 });
        break;
      }
      case "blob-progress":
      case "blob-end": {
        const shown = bars.get(event.digest);
        if (shown === undefined) break;
        shown.received = event.kind === "blob-end" ? event.size : event.received;
        if (event.kind === "blob-end") finish(event.digest, shown);
        break;
      }
      default:
        break;
    }
  };
  return {
    onProgress,
    stop() {
      log.lineWriter = undefined;
      for (const [digest, shown] of bars) finish(digest, shown);
      if (drawing) multi.stop();
    },
  };
}
