/** Commands that start a container, and the one that looks into it without delay. */
export const ACTIONS: ReadonlySet<string> = new Set(["run", "exec", "shell", "test", "run-help"]);

/** Whether a command line is one of a container's actions: its first word tells, behind global options. */
export function isAction(argv: readonly string[]): boolean {
  const first = argv.find((word, index) => !word.startsWith("-") && !/^(-c|--config)$/.test(argv[index - 1] ?? ""));
  return ACTIONS.has(first ?? "");
}
