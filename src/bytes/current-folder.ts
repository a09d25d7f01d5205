/** The current directory; undefined where it has been removed, or cannot be told. */
export function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
