import type { OnProgress, ProgressEvent } from "../index.ts";
import { type Logger, Verbosity } from "./logger.ts";
import { barProgress } from "./progress-bars.ts";
import { jsonProgress } from "./progress-json.ts";
import { messageProgress } from "./progress-messages.ts";
import { plainProgress } from "./progress-plain.ts";

type Stage = Extract<ProgressEvent, { readonly kind: "stage" }>["stage"];

/** What a command says when a conversion reaches a stage; silent where none is given. */
export type StageMessages = Readonly<Partial<Record<Stage, string>>>;

/** How a conversion is shown: bars on a terminal, lines elsewhere, objects for programs. */
export interface Display {
  readonly onProgress: OnProgress;
  /** Ends the drawing; messages after it are plain lines again. */
  stop(): void;
}

/** Chooses the display of a conversion. */
export function openDisplay(
  log: Logger,
  options: { readonly json: boolean; readonly stages: StageMessages; readonly stderr: NodeJS.WriteStream },
): Display {
  if (options.json) return { onProgress: jsonProgress(options.stderr), stop() {} };
  const stages: OnProgress = (event) => {
    const message = event.kind === "stage" ? options.stages[event.stage] : undefined;
    if (message !== undefined) log.info(message);
  };
  const shown: OnProgress[] = [stages, messageProgress(log)];
  if (log.verbosity < Verbosity.info) return { onProgress: toAll(shown), stop() {} };
  if (!options.stderr.isTTY) return { onProgress: toAll([...shown, plainProgress(log)]), stop() {} };
  const bars = barProgress(log, options.stderr);
  return { onProgress: toAll([...shown, bars.onProgress]), stop: () => bars.stop() };
}

function toAll(displays: readonly OnProgress[]): OnProgress {
  return (event) => {
    for (const display of displays) display(event);
  };
}
