import type { BlobCache } from "../../cache/blob-cache.ts";
import type { BaseRoot } from "../base/open-base.ts";
import type { RootSource } from "../root.ts";
import type { BuildStage, StageRequest } from "../stage.ts";
import { type CopiedFiles, copiedFiles } from "./copied-files.ts";
import { type KeptRoot, type KeptRootRequest, keptRoot } from "./kept-root.ts";
import { baseKey, type StageKeyParts, stageKey } from "./stage-key.ts";

/** A stage that may be in the cache, or its base. */
export interface KeptStageRequest extends Omit<StageRequest, "openBase"> {
  readonly cache: BlobCache;
  readonly openBase: () => Promise<BaseRoot>;
  /** What is done to the base before anything else. */
  readonly prepare: (base: RootSource) => RootSource;
  /** Whether the stage's result may come from the cache: not where scripts of the host belong to it. */
  readonly keepsResult: boolean;
  /** Whether the base may: it has to be worth it. */
  readonly keepsBase: boolean;
  /** Keys of the stages that it copies from; undefined for one that has none. */
  readonly earlier: readonly (readonly [name: string, key: string | undefined])[];
  readonly sourceDateEpoch: string | undefined;
  readonly build: BuildStage;
}

/** A stage's root, and its key where it is in the cache. */
export type BuiltStage =
  | { readonly root: RootSource; readonly key: undefined }
  | { readonly root: KeptRoot; readonly key: string };

/** Builds a stage, or takes it from the cache where all that it is made of is what it was. */
export async function buildKeptStage(request: KeptStageRequest): Promise<BuiltStage> {
  const { stage, cache, build, prepare, keepsResult } = request;
  const base = new OpenedOnce(request.openBase);
  const make = () => build({ ...request, openBase: async () => prepare(await openKeptBase(base, request)) });
  try {
    const files = keepsResult ? await copiedFilesOf(request) : undefined;
    const key = files === undefined ? undefined : await keyOf(await base.look(), files, request);
    if (key === undefined) return { root: await make(), key };
    const name = `stage ${stage.name ?? stage.index + 1}`;
    const isUnchanged = async () => JSON.stringify(await copiedFilesOf(request)) === JSON.stringify(files);
    const kept = await keptRoot({ ...shared(request), key, name, make, isUnchanged }, cache);
    return kept === undefined ? { root: await make(), key: undefined } : { root: kept, key };
  } finally {
    await base.close();
  }
}

/** The base as it is found, or with its files in the cache, compressed as the stage wants them. */
async function openKeptBase(base: OpenedOnce, request: KeptStageRequest): Promise<RootSource> {
  const { stage, cache, keepsBase, sourceDateEpoch, options } = request;
  if (!keepsBase || !cache.writable) return base.take();
  const { header } = stage;
  const contentKey = await (await base.look()).contentKey(options.signal);
  const key = baseKey({ base: contentKey, header, form: options.form, sourceDateEpoch });
  const name = `base ${header.get("from")?.value ?? ""}`.trim();
  const make = () => base.take();
  const kept = await keptRoot({ ...shared(request), key, name, make, isUnchanged: async () => true }, cache);
  return kept ?? base.take();
}

function shared({ definition, options }: KeptStageRequest) {
  const { form, signal, onProgress } = options;
  return { definitionText: definition.text, form, signal, onProgress } satisfies Partial<KeptRootRequest>;
}

function copiedFilesOf({ stage, options }: KeptStageRequest): Promise<CopiedFiles | undefined> {
  return copiedFiles(stage, options);
}

async function keyOf(base: BaseRoot, files: CopiedFiles, request: KeptStageRequest): Promise<string | undefined> {
  const { stage, sourceDateEpoch, options } = request;
  const earlier: [string, string][] = [];
  for (const [name, key] of request.earlier) {
    if (key === undefined) return undefined;
    earlier.push([name, key]);
  }
  const { form, force, test, signal } = options;
  const parts: StageKeyParts = {
    ...{ base: await base.contentKey(signal), header: stage.header, form, sourceDateEpoch },
    ...{ stage, files, earlier, force, test },
  };
  return stageKey(parts);
}

/** A base that is looked at before it is known whether it is needed. */
class OpenedOnce {
  readonly #open: () => Promise<BaseRoot>;
  #opened: BaseRoot | undefined;

  constructor(open: () => Promise<BaseRoot>) {
    this.#open = open;
  }

  async look(): Promise<BaseRoot> {
    this.#opened ??= await this.#open();
    return this.#opened;
  }

  /** For the caller to read and to close; opened anew where it was taken before. */
  async take(): Promise<BaseRoot> {
    const base = await this.look();
    this.#opened = undefined;
    return base;
  }

  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
  }
}
