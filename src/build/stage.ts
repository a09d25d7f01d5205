import type { DefinitionFile, Stage } from "../deffile/definition.ts";
import type { OnProgress } from "../progress.ts";
import type { Encoding } from "./encoding.ts";
import { type RootSource, type RootStep, withSteps } from "./root.ts";

/** How a SquashFS image is written. */
export type ImageForm = Encoding;

/** How stages are built. */
export interface StageOptions {
  /** Of images between two steps: that of the container, so that it takes their compressed data over as they are. */
  readonly form: ImageForm;
  /** Whether %test runs; its text is kept anyway. */
  readonly test: boolean;
  /** Labels and help replace what is there. */
  readonly force: boolean;
  /** A directory of this build for temporary files, removed with all in it when the build ends, however it does. */
  readonly workplace: string;
  /** The caller's variables, for scripts of the host and for %test. */
  readonly environment: NodeJS.ProcessEnv;
  /** Descriptor to which scripts' standard output goes; 1 unless said. */
  readonly output?: number;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** A stage that is to be built, and its steps in the order in which they are taken. */
export interface StageRequest {
  readonly definition: DefinitionFile;
  /** Without the sections that `--section` leaves out. */
  readonly stage: Stage;
  /**
   * After %pre: finds the base. Its root, once filled, is that of the base with the container's own files
   * (`/.singularity.d`, mount points, links), the apps' folders and files, and %files from earlier stages.
   */
  readonly openBase: () => Promise<RootSource>;
  /** After %setup, before %post: %files of the host. */
  readonly files: RootStep;
  /** After %post, before %test: help, labels, environment, scripts, what %post left in `/.build.labels`. */
  readonly texts: RootStep;
  readonly options: StageOptions;
}

/** Builds a stage: the root that it gives is complete, its %test has passed. The caller closes it. */
export type BuildStage = (request: StageRequest) => Promise<RootSource>;

/** What of a stage must run on the host or in the container before it is complete; the rest is a stream. */
export function scriptsToRun(stage: Stage, { test }: Pick<StageOptions, "test">): readonly string[] {
  const { pre, setup, post, test: testScript } = stage.scripts;
  const installs = stage.apps.filter((app) => app.scripts.install !== undefined);
  return [
    ...(pre === undefined ? [] : ["%pre"]),
    ...(setup === undefined ? [] : ["%setup"]),
    ...(post === undefined ? [] : ["%post"]),
    ...installs.map((app) => `%appinstall ${app.name}`),
    ...(testScript === undefined || !test ? [] : ["%test"]),
  ];
}

/** A stage without anything to run: base, files and texts in one pass. */
export const streamStage: BuildStage = async ({ openBase, files, texts }) => withSteps(await openBase(), files, texts);
