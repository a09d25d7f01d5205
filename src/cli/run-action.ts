import type { Command } from "commander";
import { type ActionRequest, currentFolder, type ProgramEnd, type RuntimeMessage, runContainer } from "../runtime.ts";
import { containerOptions } from "./container-options.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import { forwardSignals } from "./forward-signals.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";
import { refuseVariables } from "./refused-variables.ts";

/** An action as it was typed. */
export interface TypedAction {
  readonly action: ActionRequest["action"];
  readonly image: string;
  readonly args: readonly string[];
  readonly command: Command;
}

interface ActionTools {
  readonly values: OptionValues;
  readonly log: Logger;
  readonly context: Context;
}

/** Runs a container as the options say; resolves to how the program ended. */
export async function runAction(typed: TypedAction, tools: ActionTools): Promise<ProgramEnd> {
  const { values, log, context } = tools;
  const engine = values.text("engine") ?? "host";
  if (engine !== "host" && engine !== "apptainer")
    throw new FatalError(`there is no engine "${engine}"; there are host and apptainer`);
  // Apptainer itself heeds them, when it is what runs the container.
  if (engine === "host") refuseVariables(typed.action, context.environment);
  const { image, release } = await findImage(typed.image, tools);
  try {
    if (engine === "apptainer") {
      const { handOver } = await import("./action-handover.ts");
      return await handOver({ ...typed, image }, tools);
    }
    const options = await containerOptions(typed.action, tools);
    let stop = () => {};
    let remove = async () => {};
    try {
      return await runContainer({
        ...{ action: typed.action, image, args: typed.args, app: values.text("app"), shell: values.text("shell") },
        ...{ options, environment: context.environment, hostCwd: currentFolder() ?? "" },
        onMessage: (message) => tell(log, message),
        onStart: (program) => {
          stop = forwardSignals(process, program);
        },
        unpack: async (path, why) => {
          const { unpackImage } = await import("./unpack-image.ts");
          const unpacked = await unpackImage(path, why, tools);
          remove = unpacked.remove;
          return unpacked.directory;
        },
        signal: context.signal,
      });
    } finally {
      stop();
      await remove();
    }
  } catch (error) {
    if (!(error instanceof FatalError)) context.signal.throwIfAborted();
    throw error;
  } finally {
    await release();
  }
}

/** A path stays as it is; a URI becomes a SIF in the cache, or a temporary one. */
async function findImage(
  image: string,
  tools: ActionTools,
): Promise<{ readonly image: string; readonly release: () => Promise<void> }> {
  const here = { image, release: async () => {} };
  // Only now the rest is loaded: a path should start at once.
  if (!image.includes(":")) return here;
  // "foo://bar" is no path either; what reads URIs says so.
  if (!/^[\w+-]+:\/\//.test(image) && !(await import("../index.ts")).hasTransport(image)) return here;
  const { fetchImage } = await import("./fetch-image.ts");
  return fetchImage(image, tools);
}

function tell(log: Logger, { level, text }: RuntimeMessage): void {
  log[level](text);
}
