import { type FileHandle, open, rename, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { handleAccess, type RandomAccess } from "../../bytes/random-access.ts";
import { systemReason } from "../../bytes/system-reason.ts";
import type { BlobCache } from "../../cache/blob-cache.ts";
import { foreignAccess } from "../../cache/foreign-access.ts";
import { findOrMake } from "../../cache/lease.ts";
import { readStageEntry, sealStageEntry } from "../../cache/stage-entry.ts";
import { cachedStagePath, prepareStageFolder, stageFolder, stageLeasePath } from "../../cache/stage-folder.ts";
import type { OnProgress } from "../../progress.ts";
import { SinkError } from "../../sink/errors.ts";
import { removeLeftovers, temporaryName } from "../../sink/temporary-file.ts";
import { SquashfsImage } from "../../squashfs/reader/image.ts";
import { fillLayered } from "../layered-root.ts";
import type { RootFacts, RootSource, RootStep } from "../root.ts";
import { readText, writeText } from "../root-text.ts";
import type { ImageForm } from "../stage.ts";
import { writeStageImage } from "../stage-image.ts";
import { type EntryFacts, formatEntryFacts, parseEntryFacts } from "./entry-facts.ts";

/** A root that is found in the cache, or is made and kept there. */
export interface KeptRootRequest {
  readonly key: string;
  /** For messages: "stage build". */
  readonly name: string;
  /** Of this build; a root that is found may have been made for another one. */
  readonly definitionText: string;
  readonly form: ImageForm;
  /** Asked again where the cache fails while it is written. */
  readonly make: () => Promise<RootSource>;
  /** Whether what the key was computed of is still the same after `make`. */
  readonly isUnchanged: () => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** A root in the cache, which can be read any number of times until it is closed, whatever becomes of the cache. */
export interface KeptRoot extends RootSource {
  /** Its SquashFS file. */
  open(): Promise<RandomAccess>;
}

/**
 * The root of a key: that of the cache, or a new one, which is kept. Of several processes that want it at once one
 * makes it. Undefined where the cache cannot be written, of which is told: the root is to be made without it.
 * @throws what `make` rejects with
 */
export async function keptRoot(request: KeptRootRequest, cache: BlobCache): Promise<KeptRoot | undefined> {
  const { key, name, signal, onProgress } = request;
  const path = cachedStagePath(cache.root, key);
  const fail = (error: unknown) => cache.writeFailed(error);
  try {
    await prepareStageFolder(cache.root);
    const problem = foreignAccess(stageFolder(cache.root));
    if (problem !== undefined) throw new Error(`${stageFolder(cache.root)}: ${problem}`);
  } catch (error) {
    fail(error);
    return undefined;
  }
  let isMade = false;
  try {
    const entry = await findOrMake({
      path: stageLeasePath(cache.root, key),
      find: () => findEntry(path, request),
      make: () => {
        isMade = true;
        return makeEntry(path, request, cache);
      },
      onWait: () => onProgress({ kind: "waiting", what: name }),
      signal,
    });
    if (!isMade) onProgress({ kind: "step", message: `Using cached ${name}` });
    return rootOf(entry, request);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CacheWriteError)) throw error;
    fail(error.cause);
    return undefined;
  }
}

/** The cache, not the build, has failed. */
class CacheWriteError extends Error {}

interface OpenEntry {
  readonly file: FileHandle;
  readonly path: string;
  readonly facts: EntryFacts;
}

async function findEntry(path: string, { signal, onProgress }: KeptRootRequest): Promise<OpenEntry | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const facts = parseEntryFacts(await readStageEntry(file, signal));
    // Its time of change says when it was used last.
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    return { file, path, facts };
  } catch (error) {
    await file.close();
    signal.throwIfAborted();
    const problem = error instanceof Error ? error.message : String(error);
    onProgress({
      kind: "warning",
      message: `Cached stage ${path} is damaged; it is dropped and built anew: ${problem}`,
    });
    await unlink(path).catch(() => {});
    return undefined;
  }
}

/** Builds a root into a file beside its place, which a rename makes it whole in. */
async function makeEntry(path: string, request: KeptRootRequest, cache: BlobCache): Promise<OpenEntry> {
  const { key, definitionText, form, signal, onProgress } = request;
  const folder = stageFolder(cache.root);
  await removeLeftovers(folder, key);
  const unfinished = join(folder, temporaryName(key));
  const root = await request.make();
  try {
    await writeStageImage(root, unfinished, { form, signal, onProgress });
    const facts: EntryFacts = { root: root.facts, definitionText };
    const file = await open(unfinished, "r+");
    try {
      await sealStageEntry(file, formatEntryFacts(facts), signal);
      const { size } = await file.stat();
      // What is not kept still serves this build: the open file outlives its name.
      if ((await request.isUnchanged()) && (await cache.makeRoom(size))) await rename(unfinished, path);
      else await unlink(unfinished);
      return { file, path, facts };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    await unlink(unfinished).catch(() => {});
    signal.throwIfAborted();
    const isSystems = error instanceof Error && "errno" in error && "syscall" in error;
    if (error instanceof SinkError || isSystems)
      throw new CacheWriteError(systemReason(error), {
        cause: error instanceof SinkError ? (error.cause ?? error) : error,
      });
    throw error;
  } finally {
    await root.close();
  }
}

function rootOf({ file, path, facts }: OpenEntry, { definitionText }: KeptRootRequest): KeptRoot {
  let closing: Promise<void> | undefined;
  const open = () => handleAccess(file, path);
  return {
    facts: facts.root,
    open,
    async fill(target) {
      const root = await fillLayered(await SquashfsImage.open(await open()), undefined, target);
      await tellDefinition(facts.definitionText, definitionText)(root, target, facts.root);
      return root;
    },
    close() {
      closing ??= file.close();
      return closing;
    },
  };
}

const DEFINITION = ".singularity.d/Singularity";

/** Puts this build's definition in place of that of the build that made the root. */
function tellDefinition(former: string, text: string): RootStep {
  return async (root, { contents }, { timeSec }: RootFacts) => {
    const there = readText(root, DEFINITION);
    if (former === text || there === undefined || !Buffer.from(former).equals(there)) return;
    await writeText(root, { path: DEFINITION, mode: 0o644, text }, { contents, mtimeSec: timeSec });
  };
}
