/** Text for the inside of double quotes in a POSIX shell, where nothing of it stays active. */
export function escapeDoubleQuoted(text: string): string {
  return text.replace(/[\\"`$]/g, "\\$&");
}

/** Text for the inside of single quotes in a POSIX shell. */
export function escapeSingleQuoted(text: string): string {
  return text.replaceAll("'", `'"'"'`);
}
