import { Command } from "commander";
import { listLogins, loginToRegistry, logoutFromRegistry, printable } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { openPrompt, readSecretFromStdin } from "./prompt.ts";
import { registryConnection } from "./registry-access.ts";
import { REGISTRY_OPTIONS } from "./source-options.ts";

const AUTHFILE = REGISTRY_OPTIONS.filter(({ flags }) => flags.startsWith("--authfile"));

export const LOGIN_OPTIONS: readonly OptionSpec[] = [
  { flags: "-u, --username <name>", description: "user name", env: ["LOGIN_USERNAME"] },
  {
    flags: "-p, --password <password>",
    description: "password or token (better: the prompt, or --password-stdin)",
    env: ["LOGIN_PASSWORD"],
  },
  { flags: "--password-stdin", description: "take the password from standard input" },
  ...REGISTRY_OPTIONS,
];

/** `sifon registry login|logout|list`: the credentials that pulls find by themselves. */
export function registryCommand(context: Context, openLog: LogOpener): Command {
  const registry = new Command("registry").description("Manage logins to registries").usage("login|logout|list");
  registry.addCommand(loginCommand(context, openLog));
  registry.addCommand(logoutCommand(context, openLog));
  registry.addCommand(listCommand(context, openLog));
  registry.argument("[words...]").action((words: string[]) => {
    if (words.length > 0) throw new UsageError("registry", `unknown command "${words[0]}" for "sifon registry"`);
    registry.outputHelp();
  });
  return registry;
}

function loginCommand(context: Context, openLog: LogOpener): Command {
  const login = new Command("login")
    .description("Check user name and password with a registry, and store them")
    .usage("[options] docker://HOST")
    .argument("[words...]", "the registry")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const registry = onlyWord(words);
      const log = openLog();
      const values = new OptionValues(self, LOGIN_OPTIONS, context.environment, log);
      const connection = await registryConnection(values, context);
      const username = values.text("username");
      if (username === undefined) throw new FatalError("Docker/OCI registry requires a username");
      const { place, checked } = await loginToRegistry({
        registry,
        username,
        password: await passwordOf(values, context),
        ...connection,
        authFile: values.text("authfile"),
        env: context.environment,
        signal: context.signal,
      });
      if (!checked) log.warning(`${registry} asks for no credentials: they could not be checked`);
      log.info(`Token stored in ${place}`);
    });
  declareOptions(login, LOGIN_OPTIONS);
  return login;
}

async function passwordOf(values: OptionValues, context: Context): Promise<string> {
  const given = values.find("password");
  const fromStdin = values.flag("passwordStdin");
  if (fromStdin && given?.origin === "flag") {
    throw new UsageError("registry", "--password and --password-stdin exclude each other");
  }
  if (fromStdin) return nonEmpty(await readSecretFromStdin(context));
  if (given !== undefined) return nonEmpty(String(given.value));
  const prompt = openPrompt(context);
  try {
    return nonEmpty(await prompt.askSecret("Password / Token: "));
  } finally {
    prompt.close();
  }
}

function nonEmpty(password: string): string {
  if (password === "") throw new FatalError("Docker/OCI registry requires a password or token");
  return password;
}

function logoutCommand(context: Context, openLog: LogOpener): Command {
  const logout = new Command("logout")
    .description("Forget the stored credentials of a registry")
    .usage("[options] docker://HOST")
    .argument("[words...]", "the registry")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const registry = onlyWord(words);
      const log = openLog();
      const authFile = new OptionValues(self, AUTHFILE, context.environment, log).text("authfile");
      const { environment: env, signal } = context;
      const gone = await logoutFromRegistry({ registry, authFile, env, signal });
      if (gone === undefined) {
        const name = registry.replace(/^\w+:\/\//, "");
        throw new FatalError(`There is no existing login to registry "${name}".`);
      }
      log.info(`Token removed from ${gone.place}`);
      log.info("Logout succeeded");
    });
  declareOptions(logout, AUTHFILE);
  return logout;
}

// Deviates: Apptainer lists what it noted in remote.yaml, with a column SECURE?; here the credentials themselves
// are asked, whoever stored them (test/cli/registry-login.test.ts).
function listCommand(context: Context, openLog: LogOpener): Command {
  const list = new Command("list")
    .description("List the registries that credentials are stored for")
    .usage("[options]")
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length > 0) throw new UsageError("registry", `accepts 0 arg(s), received ${words.length}`);
      const authFile = new OptionValues(self, AUTHFILE, context.environment, openLog()).text("authfile");
      const { environment: env, signal } = context;
      const logins = await listLogins({ authFile, env, signal });
      const rows = logins.map(
        (login) => [`docker://${login.registry}`, login.username ?? "(token)", login.place] as const,
      );
      const width = (column: 0 | 1) =>
        Math.max(...[["URI", "USER"] as const, ...rows].map((row) => row[column].length));
      for (const [uri, user, place] of [["URI", "USER", "STORED IN"] as const, ...rows]) {
        context.stdout.write(`${printable(`${uri.padEnd(width(0))}  ${user.padEnd(width(1))}  ${place}`)}\n`);
      }
    });
  declareOptions(list, AUTHFILE);
  return list;
}

function onlyWord(words: readonly string[]): string {
  const [word] = words;
  if (word === undefined || words.length > 1) {
    throw new UsageError("registry", `accepts 1 arg(s), received ${words.length}`);
  }
  return word;
}
