import { resolve } from "node:path";
import {
  type ContainerOptions,
  currentFolder,
  evaluateEnvFile,
  parseBinds,
  parseDns,
  parseEnvOption,
  parseHome,
  parseList,
  parseMount,
  parseNoMount,
  parseOverlay,
  parseScratch,
  readWholeText,
  systemReason,
} from "../runtime.ts";
import type { Context } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import type { Logger } from "./logger.ts";
import { attributeName, type OptionValues } from "./options.ts";

/** What the options of an action ask for. */
export async function containerOptions(
  command: string,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<ContainerOptions> {
  const compat = values.flag("compat");
  const containAll = compat || values.flag("containall");
  const net = values.flag("net") || asksForNetwork({ values, log });
  const hostname = values.text("hostname");
  const cwd = currentFolder() ?? "";
  const home = values.text("home");
  const noMount = parseNoMount(values.texts("noMount"));
  for (const { text } of noMount.messages) log.warning(text);
  const binds = [
    ...values.texts("bind").flatMap((text) => parseBinds(text, cwd)),
    ...values.texts("mount").flatMap((text) => parseMount(text, cwd)),
  ];
  const list = (option: string) =>
    values.texts(attributeName(`--${option}`)).flatMap((text) => asUsage(command, option, text, parseList));
  return {
    cleanEnv: containAll || values.flag("cleanenv"),
    env: values.texts("env").flatMap((text) => asUsage(command, "env", text, parseEnvOption)),
    envFile: await envFiles(list("env-file"), context),
    noEval: compat || values.flag("noEval"),
    contain: containAll || values.flag("contain"),
    binds,
    home: home === undefined ? undefined : parseHome(home, cwd),
    noHome: values.flag("noHome"),
    noMount: noMount.words,
    dns: parseDns(values.text("dns") ?? ""),
    cwd: values.text("cwd") || values.text("pwd") || undefined,
    writableTmpfs: compat || values.flag("writableTmpfs"),
    overlays: list("overlay").map((text) => {
      const { path, readOnly } = parseOverlay(text);
      return { path: path === "" ? "" : resolve(path), readOnly };
    }),
    scratch: parseScratch(values.texts("scratch")),
    workdir: pathOf(values.text("workdir")),
    writable: values.flag("writable"),
    fakeroot: values.flag("fakeroot"),
    namespaces: {
      pid: containAll || values.flag("pid"),
      ipc: containAll || values.flag("ipc"),
      net,
      uts: hostname !== undefined || values.flag("uts"),
    },
    hostname,
    nvidia: values.flag("nv"),
    libraries: list("containlibs").map((path) => {
      if (path.startsWith("/")) return path;
      throw new FatalError(
        `container creation failed: unable to add ${path} to mount list: source must be an absolute path`,
      );
    }),
    noUmask: compat || values.flag("noUmask"),
  };
}

/** Whether `--network` is given, which there is only without one: as in Apptainer, it implies `--net`. */
function asksForNetwork({ values, log }: { readonly values: OptionValues; readonly log: Logger }): boolean {
  const network = values.find("network");
  if (network === undefined) return false;
  const { value, origin } = network;
  if (value !== "none") {
    const given = origin === "flag" ? `--network ${value}` : `${origin}=${value}`;
    throw new FatalError(`${given}: only "none" is there; without --net the host's network is used`);
  }
  if (!values.flag("net")) log.info("Setting --net (required by --network)");
  return true;
}

/** Parses one value of an option; a wrong one is a wrong command line. */
function asUsage<T>(command: string, option: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(command, `invalid argument ${JSON.stringify(text)} for "--${option}" flag: ${problem}`, {
      cause,
    });
  }
}

/** Variables of all files: a later one wins. */
async function envFiles(paths: readonly string[], context: Context): Promise<Map<string, string>> {
  const variables = new Map<string, string>();
  for (const path of paths) {
    const text = await readWholeText(path, { signal: context.signal }).catch((cause: NodeJS.ErrnoException) => {
      context.signal.throwIfAborted();
      const call = cause.code === "EISDIR" ? "read" : "open";
      throw new FatalError(
        `while setting environment: while processing ${path}: could not read environment file ${JSON.stringify(path)}: ${call} ${path}: ${systemReason(cause)}`,
        { cause },
      );
    });
    const found = await evaluateEnvFile(text, path, context.environment);
    for (const { stream, text: said } of found.output) context[stream].write(said);
    for (const [name, value] of found.variables) variables.set(name, value);
  }
  return variables;
}

function pathOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : resolve(text);
}
