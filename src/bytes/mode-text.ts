/** What messages say of a file's permissions: `mode 0755`, with the bits for set-uid and the like. */
export function modeText(mode: number): string {
  return `mode ${(mode & 0o7777).toString(8).padStart(4, "0")}`;
}
