import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeSingleQuoted } from "../../src/singularity-d/shell-quote.ts";
import { type CommandOptions, mustRun, runCommand } from "../support/command.ts";

/** One call of Apptainer: its words and its whole environment. */
export interface BatchCall {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Its umask in octal, that of the test by default. */
  readonly umask?: string;
}

export interface BatchResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs many calls of Apptainer one after another. Where SIFON_APPTAINER is a wrapper that enters a tree of its own
 * (.ci/apptainer, which runs the program COMMAND instead of Apptainer), the tree is entered once for all of them.
 */
export async function runBatch(
  apptainer: string,
  calls: readonly BatchCall[],
  { folder, asUser = false }: { readonly folder: string; readonly asUser?: boolean },
): Promise<BatchResult[]> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
  const entering = { ...process.env, COMMAND: "/bin/echo", ...(asUser ? { LAB_USER: "1" } : {}) };
  const entersTree = (await runCommand(apptainer, ["entered"], { env: entering })).stdout === "entered\n";
  const program = entersTree ? "apptainer" : apptainer;
  const lines = calls.map(({ args, env, stdin, umask }, index) => {
    const pairs = Object.entries(env).map(([name, value]) => quote(`${name}=${value}`));
    const words = ["env", "-i", ...pairs, quote(program), ...args.map(quote)].join(" ");
    const input = stdin === undefined ? "</dev/null" : `<${quote(join(folder, `${index}.in`))}`;
    const output = [">", "2>"].map((sign, at) => `${sign}${quote(join(folder, `${index}.${at}`))}`).join(" ");
    return `(${umask === undefined ? "" : `umask ${umask}; `}${words}) ${input} ${output}; echo $? >${quote(join(folder, `${index}.code`))}`;
  });
  for (const [index, { stdin }] of calls.entries())
    if (stdin !== undefined) await writeFile(join(folder, `${index}.in`), stdin);
  const script = join(folder, "batch.sh");
  await writeFile(script, `${lines.join("\n")}\n`);
  const options: CommandOptions = { cwd: join(folder, "..") };
  if (entersTree) await mustRun(apptainer, [script], { ...options, env: { ...entering, COMMAND: "/bin/sh" } });
  else await mustRun("/bin/sh", [script], options);
  const text = (name: string) => readFile(join(folder, name), "utf8");
  return Promise.all(
    calls.map(async (_, index) => ({
      code: Number(await text(`${index}.code`)),
      stdout: await text(`${index}.0`),
      stderr: await text(`${index}.1`),
    })),
  );
}

function quote(word: string): string {
  return `'${escapeSingleQuoted(word)}'`;
}
