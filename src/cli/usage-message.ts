/** Commander's words for a wrong command line in those of Apptainer's (cobra's), which scripts know. */
export function commanderMessage(message: string): string {
  const text = message.replace(/^error: /, "");
  const unknown = /^unknown option '(-[^']*)'/.exec(text)?.[1];
  if (unknown?.startsWith("--")) return `unknown flag: ${unknown.replace(/=.*/s, "")}`;
  if (unknown !== undefined) return `unknown shorthand flag: '${unknown[1]}' in ${unknown}`;
  const lacking = /^option '.*?(--[a-z-]+) <[^>]*>' argument missing/.exec(text)?.[1];
  if (lacking !== undefined) return `flag needs an argument: ${lacking}`;
  return text;
}
