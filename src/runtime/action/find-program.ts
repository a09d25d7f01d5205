import type { ContainerView } from "../../singularity-d/container-view.ts";
import { textView } from "../text-view.ts";

/** Where a program is in a container, or why not, in Apptainer's words. */
export type FoundProgram = { readonly path: string } | { readonly problem: string };

/**
 * Looks a program up as a shell does: a name in the folders of PATH, anything with a slash from the working
 * directory. Links are followed inside the container; what is mounted over its files is not seen.
 */
export async function findProgram(
  view: ContainerView,
  name: string,
  { path, cwd }: { readonly path: string | undefined; readonly cwd: string },
): Promise<FoundProgram> {
  const files = textView(view);
  const from = (place: string) => (place.startsWith("/") ? place : `${cwd}/${place}`);
  if (name.includes("/")) {
    const found = await files.look(from(name));
    if (found === undefined) return { problem: `stat ${name}: no such file or directory` };
    if (found.kind === "directory") return { problem: "is a directory" };
    return found.executable ? { path: name } : { problem: "permission denied" };
  }
  for (const folder of path === undefined || path === "" ? [] : path.split(":")) {
    const place = `${from(folder === "" ? "." : folder)}/${name}`;
    const found = await files.look(place);
    if (found !== undefined && found.kind !== "directory" && found.executable) return { path: place };
  }
  return { problem: `${JSON.stringify(name)}: executable file not found in $PATH` };
}
