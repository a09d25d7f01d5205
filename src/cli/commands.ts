import type { Command } from "commander";
import { actionCommands } from "./action.ts";
import { buildCommand } from "./build.ts";
import { cacheCommand } from "./cache.ts";
import { catCommand } from "./cat.ts";
import { configCommand } from "./config.ts";
import type { Context, LogOpener } from "./context.ts";
import { convertCommand } from "./convert.ts";
import { diffCommand } from "./diff.ts";
import { doctorCommand } from "./doctor.ts";
import { inspectCommand } from "./inspect.ts";
import { keyCommand } from "./key.ts";
import { listCommand } from "./ls.ts";
import { pullCommand } from "./pull.ts";
import { registryCommand } from "./registry.ts";
import { sifCommand } from "./sif.ts";
import { signCommand } from "./sign.ts";
import { verifyCommand } from "./verify.ts";
import { checkCommand } from "./verify-content.ts";

/** All commands, in the order of the help. */
export function commands(context: Context, openLog: LogOpener): Command[] {
  return [
    ...actionCommands(context, openLog),
    buildCommand(context, openLog),
    pullCommand(context, openLog),
    convertCommand(context, openLog),
    registryCommand(context, openLog),
    configCommand(context, openLog),
    cacheCommand(context, openLog),
    inspectCommand(context, openLog),
    listCommand(context, openLog),
    catCommand(context, openLog),
    diffCommand(context, openLog),
    checkCommand(context, openLog),
    keyCommand(context, openLog),
    signCommand(context, openLog),
    verifyCommand(context, openLog),
    doctorCommand(context, openLog),
    sifCommand(context),
  ];
}
