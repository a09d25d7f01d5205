import { FatalError } from "./exit.ts";

/** A directory of every process, in which nothing can be made, and no name is any user's. */
const NOWHERE = "/proc/self/fdinfo";

/**
 * For a process whose current directory is gone: relative paths are refused in plain words from now on. Whatever makes
 * one absolute asks `process.cwd()`, whose own error says neither what is wrong nor what to do. Threads need a directory
 * that is there to start in.
 */
export function explainMissingFolder(target: NodeJS.Process): void {
  try {
    target.chdir(NOWHERE);
  } catch {
    // No /proc: threads cannot be started then, and say so.
  }
  target.cwd = () => {
    throw new FatalError(
      "can't determine current working directory: getwd: no such file or directory. It has been removed: go to one that is there (cd), or give absolute paths",
    );
  };
}
