import {
  type ConvertReport,
  type ConvertTuning,
  convert,
  createSource,
  type OnProgress,
  openSink,
  requestPlatform,
  type SourceOptions,
} from "../index.ts";
import { openCache } from "./cache-options.ts";
import type { Context } from "./context.ts";
import { openDisplay, type StageMessages } from "./display.ts";
import { FatalError } from "./exit.ts";
import { optimiseWasm } from "./heap.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";
import { registryConnection, registryCredentials } from "./registry-access.ts";
import { sudoUser } from "./sudo-user.ts";

/** One conversion as a command asks for it. */
export interface ConversionRequest {
  readonly uri: string;
  /** A path, or `-` for standard output. */
  readonly target: string;
  readonly overwrite: boolean;
  readonly tuning: ConvertTuning;
  readonly stages: StageMessages;
  /** What an error is said to have happened during, in Apptainer's words. */
  readonly failure: string;
}

/** Converts one image and shows how; the sink and the source are ended whatever happens. */
export async function runConversion(
  request: ConversionRequest,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<ConvertReport> {
  const access = {
    ...(await registryConnection(values, context)),
    credentials: await registryCredentials(values, context),
  };
  const display = openDisplay(log, { json: values.flag("json"), stages: request.stages, stderr: context.stderr });
  const onProgress: OnProgress = (event) => {
    // The image is known: its registry has been talked to, and nothing is encoded yet.
    if (event.kind === "image") optimiseWasm();
    display.onProgress(event);
  };
  try {
    const cache = await openCache(values, context.environment, onProgress);
    const source = createSource(request.uri, { ...sourceOptions(values, context, onProgress), ...access, cache });
    try {
      const spoolDirectory = values.text("tmpdir");
      const sink = await openSink(request.target, {
        overwrite: request.overwrite,
        owner: sudoUser(context.environment),
        onProgress,
        ...(spoolDirectory === undefined ? {} : { spoolDirectory }),
      });
      return await convert({
        source,
        sink,
        signal: context.signal,
        onProgress,
        sourceDateEpoch: context.environment.SOURCE_DATE_EPOCH,
        ...request.tuning,
      });
    } finally {
      await source.close();
    }
  } catch (error) {
    context.signal.throwIfAborted();
    throw new FatalError(`${request.failure}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    display.stop();
  }
}

/** How a command's options reach a source. */
export function sourceOptions(values: OptionValues, context: Context, onProgress: OnProgress): SourceOptions {
  const env = context.environment;
  return {
    platform: requestPlatform({ arch: values.text("arch"), variant: values.text("archVariant"), env }),
    dockerHost: values.text("dockerHost"),
    spoolDirectory: values.text("tmpdir"),
    env,
    onProgress,
  };
}
