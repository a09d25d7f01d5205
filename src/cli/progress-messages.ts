import type { OnProgress, ProgressEvent } from "../index.ts";
import type { Logger } from "./logger.ts";
import { formatBytes } from "./units.ts";

/** The messages that stand in every display: warnings, retries, rescues, spools, and what `-v` wants to know. */
export function messageProgress(log: Logger): OnProgress {
  return (event: ProgressEvent) => {
    switch (event.kind) {
      case "warning":
        log.warning(event.message);
        break;
      case "step":
        log.info(event.message);
        break;
      case "retry":
        log.warning(
          `${event.what}: ${event.reason}; try ${event.attempt} of ${event.attempts} in ${(event.delayMs / 1000).toFixed(1)} s`,
        );
        break;
      case "spool":
        log.info(`Spooling ${event.what} to ${event.path}`);
        break;
      case "script":
        log.info(event.section === "test" ? "Running testscript" : `Running ${event.section} scriptlet`);
        break;
      case "image-reused":
        log.info("Using cached SIF image");
        log.verbose(`${event.reference} is ${event.path}`);
        break;
      case "waiting":
        log.info(`Waiting for another process that is at ${event.what}`);
        break;
      case "blob-reused":
        log.plain(`Skipping fetch of repeat blob ${event.digest}`);
        break;
      case "blob-resumed":
        log.plain(
          `Resuming blob ${event.digest} at ${formatBytes(event.offset)} of ${formatBytes(event.size)}, from an earlier run`,
        );
        break;
      case "space": {
        const free = event.free === undefined ? "free space unknown" : `${formatBytes(event.free)} free`;
        const what = event.use === "image" ? "The image will need about" : "The cache will take";
        log.verbose(`${what} ${formatBytes(event.size)} in ${event.path} (${free})`);
        break;
      }
      case "rescue":
        log.verbose(
          `Reading layer ${event.digest} once more for ${event.fileCount} hard-linked file(s) that a higher layer hides`,
        );
        break;
      case "image":
        log.verbose(
          `${event.reference} is ${event.digest} (${event.platform}), ${event.layerCount} layer(s), ${formatBytes(event.compressedSize)} compressed`,
        );
        break;
      case "layer":
        log.verbose(
          `Layer ${event.digest.slice(0, 19)}: ${event.entries} entries, ${event.entriesHidden} hidden by higher layers; ${formatBytes(event.bytesRead)} of files, ${formatBytes(event.bytesHidden)} hidden, ${formatBytes(event.bytesDuplicate)} there already; ${formatBytes(event.bytesStored)} in the image`,
        );
        break;
      case "done":
        log.verbose(`${event.fileCount} file(s), ${formatBytes(event.size)}`);
        break;
      default:
        break;
    }
  };
}
