import { access } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, type FoundVariable, findVariable, homeDirectory } from "../bytes/environment.ts";
import { type AuthEntry, type AuthFile, readAuthFile } from "./auth-file.ts";
import type { Credential } from "./credential.ts";
import { askCredentialHelper } from "./credential-helper.ts";
import { AuthError } from "./errors.ts";
import { helperServer, lookupKeys } from "./registry-key.ts";
import { Secret } from "./secret.ts";

/** What the user or the program gave by hand. */
export interface CredentialOptions {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Where the two come from, for messages; `--docker-username/--docker-password` when undefined. */
  readonly origin?: string | undefined;
  /** `--authfile` */
  readonly authFile?: string | undefined;
}

export interface FindCredentialOptions extends CredentialOptions {
  readonly registry: string;
  readonly repository: string;
  /** Leaves out what is given by hand or in variables: it is for the registry that the user named, not for a mirror. */
  readonly storedOnly?: boolean;
  readonly env?: Environment;
  /** Told when a helper that a file names cannot be asked; the registry is then tried without credentials. */
  readonly onWarning?: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The credential for a registry, in Apptainer's order: given ones, the environment, `--authfile`,
 * `docker-config.json` of the configuration directory, `~/.docker/config.json`, none. The first place that
 * applies decides, also when it knows nothing of the registry; there is no second try after a refusal.
 *
 * Throws `AuthError` for a file that cannot be read.
 */
export async function findCredential(options: FindCredentialOptions): Promise<Credential> {
  const env = options.env ?? process.env;
  const given = options.storedOnly === true ? undefined : givenCredential(options, env);
  if (given !== undefined) return given;
  const { paths, named } = authFilePaths(options.authFile, env);
  for (const path of paths) {
    const file = await readAuthFile(path, { signal: options.signal });
    if (file !== undefined) return credentialOfFile(file, options, env);
  }
  const origin = named ? `the file ${JSON.stringify(paths[0])} does not exist` : "no credentials are given or stored";
  return { kind: "anonymous", origin };
}

function givenCredential(options: CredentialOptions, env: Environment): Credential | undefined {
  const username = givenOr(options.username, options.origin ?? "the given user name", "DOCKER_USERNAME", env);
  const password = givenOr(options.password, options.origin ?? "the given password", "DOCKER_PASSWORD", env);
  // One of the two alone counts, the other is then empty; that is Apptainer's behaviour.
  if (username === undefined && password === undefined) return undefined;
  const names = new Set([username?.name, password?.name].filter((name) => name !== undefined));
  return {
    kind: "basic",
    origin: [...names].join(" and "),
    username: username?.value ?? "",
    password: new Secret(password?.value ?? ""),
  };
}

/** A given value, else a variable's. Command lines give on what variables say; the message then names the variable. */
function givenOr(value: string | undefined, origin: string, key: string, env: Environment): FoundVariable | undefined {
  const variable = findVariable(env, key, { plain: true });
  if (value === undefined || value === variable?.value) return variable;
  return { name: origin, value };
}

/** The file that credentials are read from, or would be if it were there; logins are stored in it. */
export async function credentialFile(authFile: string | undefined, env: Environment): Promise<string> {
  const { paths } = authFilePaths(authFile, env);
  for (const path of paths) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  return paths.at(-1) as string;
}

/** The files to look for; the first that exists is the one. `named`: the user named it. */
function authFilePaths(authFile: string | undefined, env: Environment): { paths: readonly string[]; named: boolean } {
  // Apptainer spells the variable AUTH_FILE, SingularityCE AUTHFILE.
  const named = authFile ?? (findVariable(env, "AUTH_FILE") ?? findVariable(env, "AUTHFILE"))?.value;
  if (named !== undefined) return { paths: [named], named: true };
  const directory = findVariable(env, "CONFIGDIR")?.value;
  if (directory !== undefined) {
    return { paths: [join(directory, "docker-config.json"), join(directory, "config.json")], named: false };
  }
  const home = homeDirectory(env);
  const own = [".sifon", ".apptainer", ".singularity"].map((name) => join(home, name, "docker-config.json"));
  return { paths: [...own, join(home, ".docker", "config.json")], named: false };
}

async function credentialOfFile(file: AuthFile, options: FindCredentialOptions, env: Environment): Promise<Credential> {
  const keys = lookupKeys(options.registry, options.repository);
  const helper = first(keys, file.credHelpers) ?? file.credsStore;
  let note = "";
  if (helper !== undefined) {
    try {
      const found = await askHelper(helper, file, options, env);
      if (found !== undefined) return found;
    } catch (error) {
      // A config.json copied from a desktop names helpers that a cluster lacks; public images must still come.
      if (!(error instanceof AuthError)) throw error;
      options.onWarning?.(error.message);
      note = `, and its helper docker-credential-${helper} failed`;
    }
  }
  const entry = first(keys, file.auths);
  const found = entry === undefined ? undefined : credentialOfEntry(entry, `the file ${JSON.stringify(file.path)}`);
  return (
    found ?? {
      kind: "anonymous",
      origin: `the file ${JSON.stringify(file.path)} has nothing for ${options.registry}${note}`,
    }
  );
}

async function askHelper(
  name: string,
  file: AuthFile,
  { registry, signal }: FindCredentialOptions,
  env: Environment,
): Promise<Credential | undefined> {
  const answer = await askCredentialHelper(name, helperServer(registry), { path: file.path, env, signal });
  if (answer === undefined) return undefined;
  const origin = `the helper docker-credential-${name} (named by ${JSON.stringify(file.path)})`;
  return answer.username === "<token>"
    ? { kind: "identity-token", origin, token: answer.secret }
    : { kind: "basic", origin, username: answer.username, password: answer.secret };
}

function credentialOfEntry(entry: AuthEntry, origin: string): Credential | undefined {
  const { username, password, identityToken, registryToken } = entry;
  if (registryToken !== undefined) return { kind: "registry-token", origin, token: registryToken };
  if (identityToken !== undefined) return { kind: "identity-token", origin, token: identityToken };
  if (username === undefined && password === undefined) return undefined;
  return { kind: "basic", origin, username: username ?? "", password: password ?? new Secret("") };
}

function first<T>(keys: readonly string[], map: ReadonlyMap<string, T>): T | undefined {
  const key = keys.find((candidate) => map.has(candidate));
  return key === undefined ? undefined : map.get(key);
}
