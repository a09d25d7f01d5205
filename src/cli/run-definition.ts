import { buildDefinition, type DefinitionFile, type DefinitionOutput, type OnProgress } from "../index.ts";
import { openCache } from "./cache-options.ts";
import type { Context } from "./context.ts";
import { optimiseWasm } from "./heap.ts";
import { trustedPgpKeys } from "./key-material.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";
import { registryConnection, registryCredentials } from "./registry-access.ts";
import { sourceOptions } from "./run-conversion.ts";
import { openTarget, runLocal } from "./run-local.ts";
import type { LocalBuildRequest } from "./run-local-build.ts";

/** A SIF or a sandbox from a definition. What each step is, the build itself tells. */
export async function runDefinition(
  request: Omit<LocalBuildRequest, "uri"> & { readonly definition: DefinitionFile },
  surroundings: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<void> {
  const { target, tuning, failure, definition } = request;
  const { context, values } = surroundings;
  const access = {
    ...(await registryConnection(values, context)),
    credentials: await registryCredentials(values, context),
  };
  const output = async (onProgress: OnProgress): Promise<DefinitionOutput> =>
    values.flag("sandbox")
      ? { kind: "sandbox", directory: target, overwrite: true, update: values.flag("update") }
      : { kind: "sif", sink: await openTarget(target, { values, context, onProgress }) };
  await runLocal({ stages: {}, failure }, surroundings, async ({ signal, onProgress }) => {
    optimiseWasm();
    const cache = await openCache(values, context.environment, onProgress);
    return buildDefinition({
      ...tuning,
      ...{ definition, signal, onProgress },
      output: await output(onProgress),
      sections: values.texts("section"),
      test: !values.flag("notest"),
      force: values.flag("force"),
      source: { ...sourceOptions(values, context, onProgress), ...access, cache },
      trustedKeys: () => trustedPgpKeys(values, context),
      temporaryDirectory: values.text("tmpdir"),
      // What scripts say must not get into the SIF.
      ...(target === "-" ? { scriptOutput: 2 } : {}),
      environment: context.environment,
      sourceDateEpoch: context.environment.SOURCE_DATE_EPOCH,
    });
  });
}
