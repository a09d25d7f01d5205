import { buildSandbox, type ConvertTuning, createSource, type OnProgress, rebuild } from "../index.ts";
import { openCache } from "./cache-options.ts";
import type { Context } from "./context.ts";
import { optimiseWasm } from "./heap.ts";
import { trustedPgpKeys } from "./key-material.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";
import { registryConnection, registryCredentials } from "./registry-access.ts";
import { sourceOptions } from "./run-conversion.ts";
import { openTarget, runLocal } from "./run-local.ts";

export interface LocalBuildRequest {
  /** A path, or a URI where `isLocal` is false. */
  readonly uri: string;
  readonly target: string;
  readonly tuning: ConvertTuning;
  readonly failure: string;
}

interface Surroundings {
  readonly values: OptionValues;
  readonly log: Logger;
  readonly context: Context;
}

const SIF_STAGES = {
  merge: "Extracting local image...",
  configure: "Inserting Apptainer configuration...",
  tables: "Creating SIF file...",
} as const;
const SANDBOX_STAGES = { ...SIF_STAGES, tables: "Creating sandbox directory..." } as const;
const OCI_SANDBOX_STAGES = {
  ...SANDBOX_STAGES,
  fetch: "Fetching OCI image...",
  merge: "Extracting OCI image...",
} as const;

/** A SIF from an image on this machine. */
export async function runRebuild(request: LocalBuildRequest, surroundings: Surroundings): Promise<void> {
  const { uri: path, target, tuning, failure } = request;
  const { context, values } = surroundings;
  optimiseWasm();
  await runLocal({ stages: SIF_STAGES, failure }, surroundings, async (watch) => {
    const sink = await openTarget(target, { ...surroundings, onProgress: watch.onProgress });
    const { SOURCE_DATE_EPOCH: sourceDateEpoch } = context.environment;
    const trustedKeys = () => trustedPgpKeys(values, context);
    return rebuild({ ...tuning, ...watch, path, sink, sourceDateEpoch, trustedKeys });
  });
}

/** A sandbox, from an image anywhere. */
export async function runSandboxBuild(
  request: LocalBuildRequest & { readonly isLocal: boolean },
  surroundings: Surroundings,
): Promise<void> {
  const { uri, target: directory, tuning, failure, isLocal } = request;
  const { context, values } = surroundings;
  const { allRoot = false, fixPermissions = false, ignoreSpace = false } = tuning;
  const options = {
    ...{ directory, overwrite: true, allRoot, fixPermissions, ignoreSpace },
    sourceDateEpoch: context.environment.SOURCE_DATE_EPOCH,
  };
  const access = isLocal
    ? {}
    : { ...(await registryConnection(values, context)), credentials: await registryCredentials(values, context) };
  const open = async (onProgress: OnProgress) => {
    const cache = await openCache(values, context.environment, onProgress);
    return createSource(uri, { ...sourceOptions(values, context, onProgress), ...access, cache });
  };
  await runLocal({ stages: isLocal ? SANDBOX_STAGES : OCI_SANDBOX_STAGES, failure }, surroundings, async (watch) => {
    // What decodes zstd is WebAssembly; of a source, it comes after the talk with the registry.
    if (isLocal) {
      optimiseWasm();
      const trustedKeys = () => trustedPgpKeys(values, context);
      return buildSandbox({ ...options, ...watch, trustedKeys, from: { path: uri } });
    }
    const onProgress: OnProgress = (event) => {
      if (event.kind === "image") optimiseWasm();
      watch.onProgress(event);
    };
    const source = await open(onProgress);
    try {
      return await buildSandbox({ ...options, ...watch, onProgress, from: { source } });
    } finally {
      await source.close();
    }
  });
}
