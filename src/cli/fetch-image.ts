import { imageFile, type OnProgress } from "../index.ts";
import { openCache } from "./cache-options.ts";
import type { Context } from "./context.ts";
import { openDisplay } from "./display.ts";
import { optimiseWasm } from "./heap.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";
import { registryConnection, registryCredentials } from "./registry-access.ts";
import { sourceOptions } from "./run-conversion.ts";

/** Makes a URI's image a SIF on this machine, or finds it in the cache; `release` when it is not run any more. */
export async function fetchImage(
  uri: string,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<{ readonly image: string; readonly release: () => Promise<void> }> {
  const stages = { fetch: "Converting OCI blobs to SIF format" };
  const display = openDisplay(log, { json: false, stages, stderr: context.stderr });
  const onProgress: OnProgress = (event) => {
    if (event.kind === "image") optimiseWasm();
    display.onProgress(event);
  };
  try {
    const access = {
      ...(await registryConnection(values, context)),
      credentials: await registryCredentials(values, context),
    };
    const cache = await openCache(values, context.environment, onProgress);
    const found = await imageFile(uri, {
      source: { ...sourceOptions(values, context, onProgress), ...access, cache },
      env: context.environment,
      offline: values.flag("offline"),
      disableCache: values.flag("disableCache"),
      temporaryDirectory: values.text("tmpdir"),
      sourceDateEpoch: context.environment.SOURCE_DATE_EPOCH,
      ...{ signal: context.signal, onProgress },
    });
    return { image: found.path, release: () => found.release() };
  } finally {
    display.stop();
  }
}
