import type { Command } from "commander";
import { CONFIGURABLE_OPTIONS } from "./config.ts";
import type { Context } from "./context.ts";
import { attachSettings, readSettings } from "./settings.ts";

/** Reads the configuration file for a program's commands. */
export async function loadSettings(program: Command, context: Context): Promise<void> {
  const named = program.opts<{ readonly config?: string }>().config ?? context.environment.SIFON_CONFIG_FILE;
  attachSettings(program, await readSettings(named || undefined, context, CONFIGURABLE_OPTIONS));
}
