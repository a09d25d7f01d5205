import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Command } from "commander";
import { type ActionRequest, type RuntimeMessage, runContainer } from "../runtime.ts";
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

/** Runs a container as the options say; resolves to the program's exit code. */
export async function runAction(typed: TypedAction, tools: ActionTools): Promise<number> {
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
async function handOver(typed: TypedAction, { values, log, context }: ActionTools): Promise<number> {
  const words = apptainerArguments(typed, values);
  for (const program of ["apptainer", "singularity"]) {
    const code = await new Promise<number | undefined>((resolve, reject) => {
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
        resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal]);
      });
    });
    if (code !== undefined) return code;
    log.debug(`${program} is not installed`);
  }
  throw new FatalError(
    "--engine apptainer: neither apptainer nor singularity is installed (or in PATH); leave the option out to run with Sifon's own engine",
  );
}
