import { homedir } from "node:os";

/** Variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Sifon's own prefix first, then those of the tools it stands in for. */
export const VARIABLE_PREFIXES = ["SIFON_", "APPTAINER_", "SINGULARITY_"] as const;

/** A variable that is set, with the name it was found under. */
export interface FoundVariable {
  readonly name: string;
  readonly value: string;
}

/** The first set variable of `SIFON_KEY`, `APPTAINER_KEY`, `SINGULARITY_KEY` and, if `plain`, `KEY`. Blank ones count as unset. */
export function findVariable(
  env: Environment,
  key: string,
  options: { readonly plain?: boolean } = {},
): FoundVariable | undefined {
  const names = VARIABLE_PREFIXES.map((prefix) => prefix + key);
  if (options.plain === true) names.push(key);
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value.trim() !== "") return { name, value };
  }
  return undefined;
}

/** HOME, else what the system says. An empty HOME counts as unset: paths below it would be relative. */
export function homeDirectory(env: Environment): string {
  return env.HOME || homedir();
}
