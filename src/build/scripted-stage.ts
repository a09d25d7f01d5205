import { BuildError } from "./errors.ts";
import { type BuildStage, scriptsToRun } from "./stage.ts";

/** A stage with something to run. */
export const buildStageWithScripts: BuildStage = async ({ definition, stage, options }) => {
  throw new BuildError("SCRIPTS_UNSUPPORTED", { name: definition.name, sections: scriptsToRun(stage, options) });
};
