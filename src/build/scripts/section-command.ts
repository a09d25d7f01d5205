import type { Script } from "../../deffile/definition.ts";

/**
 * The command that runs a section's script, as Apptainer puts it together: `/bin/sh -ex ARGUMENTS FILE`. Behind `-c`
 * all words and the file are one: `%post -c /bin/bash -e` is `/bin/sh -ex -c "/bin/bash -e FILE"`.
 */
export function sectionCommand({ arguments: text }: Pick<Script, "arguments">, file: string): [string, ...string[]] {
  const words = text.split(/\s+/).filter(Boolean);
  const command = words.indexOf("-c");
  if (command < 0) return ["/bin/sh", "-ex", ...words, file];
  return ["/bin/sh", "-ex", ...words.slice(0, command + 1), [...words.slice(command + 1), file].join(" ")];
}
