import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostArch } from "../bytes/architecture.ts";
import { openFileAccess } from "../bytes/random-access.ts";
import { type StageBase, stageBase } from "../deffile/agents.ts";
import type { DefinitionFile, Stage } from "../deffile/definition.ts";
import { DeffileError } from "../deffile/errors.ts";
import { chooseSections, selectSections } from "../deffile/select-sections.ts";
import { InternalError } from "../errors.ts";
import type { OnProgress } from "../progress.ts";
import { removeTree } from "../sandbox/remove-tree.ts";
import { makeTemporaryFolder } from "../sandbox/temporary-folder.ts";
import type { Sink } from "../sink/sink.ts";
import type { SourceOptions } from "../source/options.ts";
import type { Compression } from "../wasm/compression.ts";
import { openBase } from "./base/open-base.ts";
import type { Watch } from "./container-source.ts";
import { planEncoding } from "./encoding.ts";
import { hostFilesStep, stageFilesStep } from "./files/files-step.ts";
import { finishSink } from "./finish-sink.ts";
import type { KeptRoot } from "./kept/kept-root.ts";
import { type BuiltStage, buildKeptStage } from "./kept/kept-stage.ts";
import { type RootSource, withSteps } from "./root.ts";
import { rootContainer } from "./root-container.ts";
import { buildStageWithScripts } from "./scripted-stage.ts";
import { appsStep } from "./sections/apps-step.ts";
import { textsStep } from "./sections/texts-step.ts";
import { type ImageForm, type StageOptions, scriptsToRun, streamStage } from "./stage.ts";
import { type StageFiles, writeStageImage } from "./stage-image.ts";
import type { ConvertTuning } from "./tuning.ts";
import type { BaseTrust } from "./verify-local-image.ts";
import { writeSandbox } from "./write-sandbox.ts";
import { writeSif } from "./write-sif.ts";

/** What a definition is built into. */
export type DefinitionOutput =
  /** Ended by the build: finished when all is well, else aborted, which leaves nothing behind. */
  | { readonly kind: "sif"; readonly sink: Sink }
  | {
      readonly kind: "sandbox";
      /** Appears when it is whole. */
      readonly directory: string;
      /** Replace what has that name. */
      readonly overwrite?: boolean;
      /** Take the directory that is there for the base of the last stage. */
      readonly update?: boolean;
    };

/** What is built, of what, and how. */
export interface BuildDefinitionOptions extends ConvertTuning, BaseTrust, Partial<Watch> {
  readonly definition: DefinitionFile;
  readonly output: DefinitionOutput;
  /** `--section`: names, several with commas between them; all by default. */
  readonly sections?: readonly string[];
  /** Whether %test runs at the end; its text is kept anyway. Default true. */
  readonly test?: boolean;
  /** A help and labels that the base has give way to the definition's. */
  readonly force?: boolean;
  /** How image sources are opened. */
  readonly source?: SourceOptions;
  /** For images between stages; the system's folder for temporary files by default. */
  readonly temporaryDirectory?: string | undefined;
  /** Descriptor to which scripts' standard output goes; 1 by default. */
  readonly scriptOutput?: number;
  /** Variables for sources of %files; `process.env` by default. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: image time, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
}

/** What was made. */
export interface BuildDefinitionReport {
  /** Inodes of the container. */
  readonly fileCount: number;
  /** Bytes of the SIF; 0 for a sandbox. */
  readonly size: number;
}

/**
 * Builds a container from a definition, stage by stage. A stage that runs nothing is one stream: its base, the files
 * that are copied and the sections' texts become a compressed image without being unpacked.
 *
 * Rejects with a `SifonError` of the stage that failed, or the signal's reason, and leaves nothing behind.
 */
export async function buildDefinition(options: BuildDefinitionOptions): Promise<BuildDefinitionReport> {
  const { output, onProgress = () => {}, signal = new AbortController().signal } = options;
  const build = async (): Promise<BuildDefinitionReport> => {
    const plan = planBuild(options);
    const run = (workplace: string) => runBuild(plan, { ...options, signal, onProgress, workplace });
    if (!plan.needsWorkplace) return run("");
    const workplace = await makeTemporaryFolder(options.temporaryDirectory ?? tmpdir(), "sifon-build");
    try {
      return await run(workplace);
    } finally {
      await removeTree(workplace);
    }
  };
  if (output.kind === "sif") return finishSink(output.sink, { signal, onProgress }, build);
  const report = await build();
  onProgress({ kind: "done", ...report });
  return report;
}

/** What is there to copy from is compressed for this build alone. */
const BETWEEN_STAGES: Compression = { kind: "lz4", level: "fast" };

interface PlannedStage {
  readonly isLast: boolean;
  readonly stage: Stage;
  readonly base: StageBase;
  readonly form: ImageForm;
  readonly scripts: readonly string[];
  /** Whether a later stage copies from it. */
  readonly isNeeded: boolean;
  /** Whether its result may come from the cache. */
  readonly keepsResult: boolean;
}

interface PlannedBuild {
  readonly stages: readonly PlannedStage[];
  readonly needsWorkplace: boolean;
}

/** What wants to be known before anything is fetched. */
function planBuild(options: BuildDefinitionOptions): PlannedBuild {
  const { definition, output, sections = [], test = true } = options;
  const choice = chooseSections(sections);
  const selected = definition.stages.map((stage) => selectSections(stage, choice));
  const isUpdate = output.kind === "sandbox" && output.update === true;
  const stages = selected.map((stage, index): PlannedStage => {
    const isLast = index === selected.length - 1;
    const scripts = scriptsToRun(stage, { test });
    const base: StageBase =
      isLast && isUpdate ? { kind: "local", path: output.directory, fingerprints: [] } : baseOf(definition, stage);
    const isNeeded = selected.some(({ files }) => files.some(({ from }) => from !== undefined && from === stage.name));
    const { pre, setup } = stage.scripts;
    return {
      ...{ stage, base, scripts, isNeeded, isLast },
      // Scripts of the host may do anything there; where nothing is run the last stage is one stream.
      keepsResult: pre === undefined && setup === undefined && !(isLast && (isUpdate || scripts.length === 0)),
      form: planEncoding(isLast ? options : { ...options, compression: BETWEEN_STAGES }),
    };
  });
  const needsWorkplace = stages.some(({ scripts, isNeeded }) => isNeeded || scripts.length > 0);
  return { stages, needsWorkplace };
}

function baseOf({ name }: DefinitionFile, stage: Stage): StageBase {
  const base = stageBase(stage, 0, (problem) => {
    throw new DeffileError("DEFINITION_INVALID", { name, problems: [problem] });
  });
  if (base === undefined) throw new InternalError("a header that is refused without a word");
  return base;
}

interface RunOptions extends BuildDefinitionOptions {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  readonly workplace: string;
}

async function runBuild({ stages }: PlannedBuild, options: RunOptions): Promise<BuildDefinitionReport> {
  const { signal, onProgress, workplace } = options;
  const done = new Map<string, DoneStage>();
  const kept: KeptRoot[] = [];
  try {
    for (const planned of stages.slice(0, -1)) {
      const { stage, form, scripts, isNeeded } = planned;
      if (!isNeeded && scripts.length === 0) continue;
      const { root, key } = await buildStage(planned, done, options);
      if (key !== undefined) {
        kept.push(root);
        if (stage.name !== undefined) done.set(stage.name, { open: () => root.open(), key });
        continue;
      }
      try {
        const path = join(workplace, `stage-${stage.index}.squashfs`);
        if (isNeeded && stage.name !== undefined) {
          await writeStageImage(root, path, { form, signal, onProgress });
          done.set(stage.name, { open: () => openFileAccess(path), key });
        }
      } finally {
        await root.close();
      }
    }
    const last = stages.at(-1);
    if (last === undefined) throw new InternalError("a definition without a stage");
    const { root } = await buildStage(last, done, options);
    try {
      return await writeOutput(root, last.form, options);
    } finally {
      await root.close();
    }
  } finally {
    for (const root of kept) await root.close();
  }
}

/** A stage that later ones copy from. */
interface DoneStage extends StageFiles {
  /** Its name in the cache, if it is there. */
  readonly key: string | undefined;
}

/** The root of a stage, complete as it will be read. */
async function buildStage(
  { stage, base, form, scripts, keepsResult }: PlannedStage,
  stages: ReadonlyMap<string, DoneStage>,
  options: RunOptions,
): Promise<BuiltStage> {
  const { definition, environment = process.env, source = {}, sourceDateEpoch } = options;
  const { signal, onProgress, workplace, memory, force = false, test = true } = options;
  const { scriptOutput: output = 1 } = options;
  const stageOptions: StageOptions = { form, test, force, workplace, environment, output, signal, onProgress };
  const copying = { definition, environment };
  const request = {
    ...{ definition, stage, options: stageOptions },
    files: hostFilesStep(stage, copying),
    texts: textsStep(stage, { force }),
  };
  const open = () => {
    const architecture = source.platform?.architecture ?? hostArch();
    return openBase(base, { definition, stage }, { ...options, source, sourceDateEpoch, architecture, memory });
  };
  const prepare = (root: RootSource) =>
    withSteps(root, appsStep(stage, copying), stageFilesStep(stage, { ...copying, stages }));
  const build = scripts.length > 0 ? buildStageWithScripts : streamStage;
  const { cache } = source;
  if (cache?.writable !== true) {
    return { root: await build({ ...request, openBase: async () => prepare(await open()) }), key: undefined };
  }
  const names = new Set(stage.files.flatMap(({ from }) => (from === undefined ? [] : [from])));
  return buildKeptStage({
    ...{ ...request, cache, openBase: open, prepare, build, keepsResult, sourceDateEpoch },
    keepsBase: scripts.length > 0 && base.kind === "image",
    earlier: [...names].map((name) => [name, stages.get(name)?.key] as const),
  });
}

async function writeOutput(root: RootSource, form: ImageForm, options: RunOptions): Promise<BuildDefinitionReport> {
  const { definition, output, signal, onProgress } = options;
  const container = rootContainer(root, { ...options, definitionText: definition.text });
  const tell: OnProgress = (event) => {
    if (event.kind === "stage" && event.stage === "tables") {
      onProgress({ kind: "step", message: `Creating ${output.kind === "sif" ? "SIF file" : "sandbox directory"}...` });
    }
    onProgress(event);
  };
  if (output.kind === "sif") {
    const { sink } = output;
    const { fileCount, size } = await writeSif(container, { sink, encoding: form, signal, onProgress: tell });
    return { fileCount, size };
  }
  const overwrite = output.overwrite === true || output.update === true;
  return writeSandbox(async () => container, { directory: output.directory, overwrite, signal, onProgress: tell });
}
