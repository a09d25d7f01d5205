import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Script } from "../../deffile/definition.ts";
import { startProgram } from "../../runtime/engine/run-program.ts";
import type { EngineSession } from "../../runtime/engine/session.ts";
import type { StageOptions } from "../stage.ts";
import { POST_ENVIRONMENT } from "./container-environment.ts";
import { BUILD_UMASK } from "./container-program.ts";
import { scriptEnd } from "./script-end.ts";
import { sectionCommand } from "./section-command.ts";

/**
 * Runs %pre or %setup: a script of the host, in the caller's folder, with the caller's variables and the path of the
 * container's root. With a session it sees that root, and has the session's ids.
 * @param folder where the script's text may be written
 * @throws BuildError SCRIPT_FAILED
 */
export async function runHostScript(
  section: "pre" | "setup",
  script: Script,
  {
    folder,
    rootPath,
    session,
    options,
  }: {
    readonly folder: string;
    readonly rootPath: string;
    readonly session?: EngineSession;
    readonly options: StageOptions;
  },
): Promise<void> {
  const { signal, onProgress, output = 1 } = options;
  const file = join(folder, section);
  await writeFile(file, script.text, { mode: 0o755 });
  onProgress({ kind: "script", section });
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.environment)) if (value !== undefined) environment[name] = value;
  for (const prefix of ["APPTAINER", "SINGULARITY"]) {
    environment[`${prefix}_ROOTFS`] = rootPath;
    environment[`${prefix}_ENVIRONMENT`] = POST_ENVIRONMENT;
  }
  const command = [
    ...["/bin/sh", "-c", 'umask "$0" && exec "$@"', BUILD_UMASK.toString(8)],
    ...sectionCommand(script, file),
  ] as [string, ...string[]];
  const streams = { stdio: [0, output, 2], signal };
  const program =
    session === undefined
      ? startProgram({ argv: command, environment }, streams)
      : session.runHost(command, { ...streams, environment });
  await scriptEnd(section, program, signal);
}
