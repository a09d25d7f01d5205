import { MultiBar, type SingleBar } from "cli-progress";
import type { OnProgress, ProgressEvent } from "../index.ts";
import type { Logger } from "./logger.ts";
import { formatBytes } from "./units.ts";

/** Bars for a terminal, one per blob; `stop` leaves the finished ones on the screen. */
export interface BarProgress {
  readonly onProgress: OnProgress;
  stop(): void;
}

/** Draws `Copying blob sha256:1f2e3d4c5b6a  1.0MiB / 3.5MiB [=====>----] 29 %  2.1MiB/s  1s`. */
export function barProgress(log: Logger, stream: NodeJS.WriteStream): BarProgress {
  const bars = new Map<string, { readonly bar: SingleBar; readonly startedMs: number }>();
  const multi = new MultiBar({
    stream,
    format: "{title}  {done} / {all} [{bar}] {percentage} %  {rate}  {eta_formatted}",
    barCompleteChar: "=",
    barIncompleteChar: "-",
    barGlue: ">",
    barsize: 30,
    hideCursor: true,
    linewrap: false,
    emptyOnZero: true,
    fps: 8,
  });
  log.lineWriter = (line) => multi.log(`${line}\n`);
  const onProgress = (event: ProgressEvent) => {
    switch (event.kind) {
      case "blob-start": {
        const title = `Copying ${event.role === "config" ? "config" : "blob"} ${event.digest.slice(0, 19)}`;
        const payload = { title, done: "0B", all: formatBytes(event.size), rate: "" };
        bars.set(event.digest, { bar: multi.create(event.size, 0, payload), startedMs: Date.now() });
        break;
      }
      case "blob-progress":
      case "blob-end": {
        const shown = bars.get(event.digest);
        if (shown === undefined) break;
        const received = event.kind === "blob-end" ? event.size : event.received;
        const elapsedMs = Math.max(Date.now() - shown.startedMs, 1);
        const rate = `${formatBytes(Math.round((received / elapsedMs) * 1000))}/s`;
        shown.bar.update(received, { done: formatBytes(received), rate });
        if (event.kind === "blob-end") {
          shown.bar.stop();
          bars.delete(event.digest);
        }
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
      multi.stop();
    },
  };
}
