import { fileURLToPath } from "node:url";
import { type CommandOptions, type CommandResult, mustRun, runCommand } from "./command.ts";

/** The built command line, as users run it. */
export const SIFON_MAIN: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Variables of the developer's own shell that would change what Sifon does. */
const CLEAN: Readonly<Record<string, undefined>> = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(SIFON|APPTAINER|SINGULARITY)_/.test(name) || name === "SOURCE_DATE_EPOCH")
    .map((name) => [name, undefined]),
);

/** Runs `sifon` with these arguments. */
export function sifon(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runCommand(process.execPath, [SIFON_MAIN, ...args], { ...options, env: { ...CLEAN, ...options.env } });
}

/** Runs `sifon`, which has to succeed. */
export function mustSifon(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return mustRun(process.execPath, [SIFON_MAIN, ...args], { ...options, env: { ...CLEAN, ...options.env } });
}
