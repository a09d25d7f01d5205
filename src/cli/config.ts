import { Command } from "commander";
import { printable } from "../index.ts";
import { BUILD_OPTIONS } from "./build.ts";
import type { Context, LogOpener } from "./context.ts";
import { UsageError } from "./exit.ts";
import { Logger, Verbosity } from "./logger.ts";
import { attributeName, type FoundValue, type OptionSpec, OptionValues, parseBool } from "./options.ts";
import { PULL_OPTIONS } from "./pull.ts";
import { settingName, settingsOf } from "./settings.ts";

/** All options that a configuration file may set. */
export const CONFIGURABLE_OPTIONS: readonly OptionSpec[] = [...BUILD_OPTIONS, ...PULL_OPTIONS];

/** Values that are never shown, only that they are set. */
const SECRET: ReadonlySet<string> = new Set(["docker-password"]);

/** Variables without an option that change where images come from. */
const VARIABLES = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"],
  ...["CONTAINERS_REGISTRIES_CONF", "CONTAINERS_REGISTRIES_CONF_DIR", "NODE_EXTRA_CA_CERTS"],
  ...["DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "SOURCE_DATE_EPOCH"],
] as const;

/** `sifon config`: what applies to the next build and pull, and who says so. */
export function configCommand(context: Context, openLog: LogOpener): Command {
  return new Command("config")
    .description("Show which options apply, and where each value comes from")
    .usage("[options]")
    .argument("[words...]")
    .action((words: string[], _options: unknown, self: Command) => {
      if (words.length > 0) throw new UsageError("config", `accepts 0 arg(s), received ${words.length}`);
      openLog();
      // What the variables' prefixes mean for each other shows in the list.
      const log = new Logger({ verbosity: Verbosity.silent, stream: context.stderr, colour: false });
      const settings = settingsOf(self);
      const print = (text: string) => context.stdout.write(`${printable(text)}\n`);
      if (settings !== undefined) print(`# ${settings.path}${settings.found ? "" : " (not there)"}`);
      const commands = [
        { name: "build", specs: BUILD_OPTIONS },
        { name: "pull", specs: PULL_OPTIONS },
      ];
      const lines = new Map<string, { readonly line: string; readonly commands: string[] }>();
      for (const { name, specs } of commands) {
        const values = new OptionValues(self, specs, context.environment, log);
        for (const spec of specs) {
          if (spec.hidden === true) continue;
          const line = describe(spec, values.find(attributeName(spec.flags)));
          const known = lines.get(line) ?? { line, commands: [] };
          known.commands.push(name);
          lines.set(line, known);
        }
      }
      const sorted = [...lines.values()].sort((a, b) =>
        a.line.replace(/^# /, "") < b.line.replace(/^# /, "") ? -1 : 1,
      );
      for (const { line, commands: of } of sorted) print(of.length > 1 ? line : `${line} (${of[0]} only)`);
      for (const name of VARIABLES) {
        const value = context.environment[name];
        if (value) print(`# ${name}=${withoutPassword(value)}`);
      }
    });
}

function describe(spec: OptionSpec, found: FoundValue | undefined): string {
  const name = settingName(spec);
  if (found === undefined) return `# ${name} is not set`;
  if (SECRET.has(name)) return `# ${name} is set, from ${found.origin}`;
  const isText = spec.flags.includes("<");
  const value = isText || typeof found.value === "boolean" ? found.value : (parseBool(found.value) ?? found.value);
  return `${name} = ${JSON.stringify(value)} # from ${found.origin}`;
}

/** A proxy's address may hold a password; so may what does not parse as an address. */
function withoutPassword(value: string): string {
  return value.replace(/[^/,\s]*@/g, "[secret]@");
}
