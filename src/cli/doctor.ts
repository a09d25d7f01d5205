import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { Command } from "commander";
import {
  cacheLocations,
  diagnoseHost,
  foreignCache,
  type HostFinding,
  listLogins,
  printable,
  probeHost,
} from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { ExitCode, ExitStatus, UsageError } from "./exit.ts";
import { settingsOf } from "./settings.ts";

const MARKS: Readonly<Record<HostFinding["state"], string>> = { fine: "ok", limit: "limited", missing: "MISSING" };

/** `sifon doctor`: what this host lets containers do, and where things are kept; fails where no container runs. */
export function doctorCommand(context: Context, openLog: LogOpener): Command {
  return new Command("doctor")
    .description("Show what this host can do, what is missing, and which package has it")
    .usage("[options]")
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length > 0) throw new UsageError("doctor", `accepts 0 arg(s), received ${words.length}`);
      openLog();
      const findings = diagnoseHost(probeHost(context.environment.PATH));
      const line = (mark: string, subject: string, text: string) =>
        context.stdout.write(`${printable(`${mark.padEnd(8)} ${subject.padEnd(14)} ${text}`)}\n`);
      for (const { state, subject, text } of findings) line(MARKS[state], subject, text);
      for (const [subject, text, good] of await places(context, self)) line(good ? "ok" : "limited", subject, text);
      if (findings.some(({ state }) => state === "missing")) throw new ExitStatus(ExitCode.fatal);
    });
}

type Place = readonly [subject: string, text: string, good: boolean];

async function places({ environment }: Context, self: Command): Promise<Place[]> {
  const { root, others } = cacheLocations(environment);
  const writable = await isWritable(root);
  const settings = settingsOf(self);
  const found: Place[] = [
    ["cache", writable ? root : `${root} cannot be written: images are converted for each run`, writable],
  ];
  const foreign = foreignCache(root);
  if (foreign !== undefined) found.push(["cache", `${foreign}. Name one of your own with SIFON_CACHEDIR`, false]);
  for (const other of others) if (await exists(other)) found.push(["cache", `${other} (read only)`, true]);
  if (settings !== undefined)
    found.push(["configuration", `${settings.path}${settings.found ? "" : " (not there)"}`, true]);
  const logins = await listLogins({ env: environment }).catch(() => undefined);
  const registries =
    logins === undefined ? "the file of logins cannot be read" : logins.map(({ registry }) => registry).join(", ");
  found.push(["registries", registries || "no login", logins !== undefined]);
  const temporary = environment.SIFON_TMPDIR ?? environment.TMPDIR ?? "/tmp";
  found.push(["temporary", temporary, await isWritable(temporary)]);
  found.push(["home", environment.HOME ?? homedir(), true]);
  return found;
}

/** Whether a folder can be written, or could be made. */
async function isWritable(path: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    if (await exists(at)) {
      return access(at, constants.W_OK | constants.X_OK).then(
        () => true,
        () => false,
      );
    }
    if (dirname(at) === at) return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
