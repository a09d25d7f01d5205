import { lstatSync, readdirSync, readlinkSync } from "node:fs";

/** The session's own folder, beside the host's at the top: nothing that a container binds from the host contains it. */
export const SESSION_FOLDER = "/.sifon";

/**
 * bubblewrap's options for a root that looks like the host's, with `SESSION_FOLDER` as one more folder in it. The
 * host's own root stays as it is: what is mounted in the session is seen there by nobody.
 */
export function hostRootOptions(): string[] {
  const options: string[] = [];
  for (const name of readdirSync("/")) {
    const path = `/${name}`;
    if (path === SESSION_FOLDER) continue;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) options.push("--symlink", readlinkSync(path), path);
    else if (stat?.isDirectory() || stat?.isFile()) options.push("--dev-bind-try", path, path);
  }
  return [...options, "--perms", "0755", "--tmpfs", SESSION_FOLDER];
}
