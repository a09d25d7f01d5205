import { type OnProgress, openSink, type RecompressOptions, type Sink } from "../index.ts";
import type { Context } from "./context.ts";
import { openDisplay, type StageMessages } from "./display.ts";
import { FatalError } from "./exit.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";
import { sudoUser } from "./sudo-user.ts";

export interface LocalRequest {
  readonly stages: StageMessages;
  /** What an error is said to have happened during. */
  readonly failure: string;
}

/** What a job is given beside its own options. */
export type JobWatch = Required<Pick<RecompressOptions, "signal" | "onProgress">>;

/** Runs a job on this machine's files and shows how; an error ends it as one FATAL line. */
export async function runLocal<T>(
  request: LocalRequest,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
  job: (watch: JobWatch) => Promise<T>,
): Promise<T> {
  const { stages, failure } = request;
  const display = openDisplay(log, { json: values.flag("json"), stages, stderr: context.stderr });
  try {
    return await job({ signal: context.signal, onProgress: display.onProgress });
  } catch (error) {
    context.signal.throwIfAborted();
    throw new FatalError(`${failure}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    display.stop();
  }
}

/** The sink that a command's output names. */
export function openTarget(
  target: string,
  {
    values,
    context,
    onProgress,
  }: { readonly values: OptionValues; readonly context: Context; readonly onProgress: OnProgress },
): Promise<Sink> {
  const spoolDirectory = values.text("tmpdir");
  const owner = sudoUser(context.environment);
  return openSink(target, {
    ...{ overwrite: true, owner, onProgress },
    ...(spoolDirectory === undefined ? {} : { spoolDirectory }),
  });
}
