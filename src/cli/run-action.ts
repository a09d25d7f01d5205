import { spawn } from "node:child_process";
import type { Command } from "commander";
import { type ActionRequest, type ProgramEnd, type RuntimeMessage, runContainer } from "../runtime.ts";
import { apptainerArguments } from "./action-handover.ts";
import { containerOptions } from "./container-options.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import { forwardSignals } from "./forward-signals.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";

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
  const { image, release } = await findImage(typed.image, tools);
  try {
    if (engine === "apptainer") return await handOver({ ...typed, image }, tools);
    const options = await containerOptions(typed.action, tools);
    let stop = () => {};
    let remove = async () => {};
    try {
      return await runContainer({
        ...{ action: typed.action, image, args: typed.args, app: values.text("app"), shell: values.text("shell") },
        ...{ options, environment: context.environment, hostCwd: process.cwd() },
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
  if (!image.includes(":") || !(await import("../index.ts")).hasTransport(image)) return here;
  const { fetchImage } = await import("./fetch-image.ts");
  return fetchImage(image, tools);
}

function tell(log: Logger, { level, text }: RuntimeMessage): void {
  log[level](text);
}

/** Starts an installed Apptainer or Singularity with the same words. */
async function handOver(typed: TypedAction, { values, log, context }: ActionTools): Promise<ProgramEnd> {
  const words = apptainerArguments(typed, values);
  for (const program of ["apptainer", "singularity"]) {
    const end = await new Promise<ProgramEnd | undefined>((resolve, reject) => {
      const child = spawn(program, words, { stdio: "inherit", env: context.environment });
      const stop = forwardSignals(process, {
        ...{ stdin: null, stdout: null, stderr: null, ended: new Promise(() => {}) },
        kill: (name) => child.kill(name),
      });
      child.once("error", (error: NodeJS.ErrnoException) => {
        stop();
        if (error.code === "ENOENT") resolve(undefined);
        else reject(error);
      });
      child.once("close", (status, signal) => {
        stop();
        resolve(signal === null ? { kind: "exit", code: status ?? 1 } : { kind: "signal", signal });
      });
    });
    if (end !== undefined) return end;
    log.debug(`${program} is not installed`);
  }
  throw new FatalError(
    "--engine apptainer: neither apptainer nor singularity is installed (or in PATH); leave the option out to run with Sifon's own engine",
  );
}
