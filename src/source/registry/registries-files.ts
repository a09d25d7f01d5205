import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, homeDirectory } from "../../bytes/environment.ts";
import { readWholeText } from "../../bytes/read-whole.ts";
import { systemReason } from "../../bytes/system-reason.ts";
import { SourceError } from "../errors.ts";
import { parseRegistriesConf, type RegistryRule } from "./registries-conf.ts";

const SYSTEM_DIRECTORY = "/etc/containers";

/**
 * The rules of all files that apply, in the places and the order of skopeo and podman: CONTAINERS_REGISTRIES_CONF,
 * else the user's own file, else the system's; then the drop-ins, by name, whose rules replace earlier ones of the
 * same prefix. Where the user has a file, the system's drop-ins are not read.
 *
 * Throws `SourceError` REGISTRIES_CONF_UNREADABLE, REGISTRIES_CONF_INVALID.
 */
export async function loadRegistryRules(
  env: Environment,
  {
    systemDirectory = SYSTEM_DIRECTORY,
    signal,
  }: { readonly systemDirectory?: string; readonly signal?: AbortSignal } = {},
): Promise<readonly RegistryRule[]> {
  const user = join(homeDirectory(env), ".config/containers");
  const named = env.CONTAINERS_REGISTRIES_CONF || undefined;
  const usersOwn = named === undefined && (await exists(join(user, "registries.conf")));
  const main = named ?? join(usersOwn ? user : systemDirectory, "registries.conf");
  const folders = env.CONTAINERS_REGISTRIES_CONF_DIR
    ? [env.CONTAINERS_REGISTRIES_CONF_DIR]
    : [...(usersOwn ? [] : [systemDirectory]), user].map((folder) => join(folder, "registries.conf.d"));
  const paths = [main];
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    paths.push(
      ...names
        .filter((name) => name.endsWith(".conf"))
        .map((name) => join(folder, name))
        .sort(),
    );
  }
  const rules = new Map<string, RegistryRule>();
  for (const path of paths) {
    for (const rule of await readRules(path, { mustExist: path === named, signal })) rules.set(rule.prefix, rule);
  }
  return [...rules.values()];
}

async function readRules(
  path: string,
  { mustExist, signal }: { readonly mustExist: boolean; readonly signal: AbortSignal | undefined },
): Promise<readonly RegistryRule[]> {
  let text: string;
  try {
    text = await readWholeText(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    if (!mustExist && (code === "ENOENT" || code === "ENOTDIR")) return [];
    throw new SourceError("REGISTRIES_CONF_UNREADABLE", { path, problem: systemReason(error), cause: error });
  }
  return parseRegistriesConf(text, path);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
