import type { ContainerView } from "../../singularity-d/container-view.ts";
import { runScript } from "../shell/execute.ts";
import { type ShellOwner, setOwnVariables } from "../shell/own-variables.ts";
import { decodeScript } from "../shell/script-text.ts";
import { type ShellOutput, ShellState } from "../shell/state.ts";
import { ShellSyntaxError, ShellUnsupported } from "../shell/syntax.ts";
import { textView } from "../text-view.ts";

/** Of images made from OCI ones: whoever finds this line may evaluate the runscript instead of executing it. */
export const RUNSCRIPT_MARKER = `eval "set \${SINGULARITY_OCI_RUN}"`;

/** What a marked runscript comes to. */
export type RunscriptResult =
  | { readonly kind: "exec"; readonly argv: readonly string[]; readonly output: readonly ShellOutput[] }
  | { readonly kind: "exit"; readonly status: number; readonly output: readonly ShellOutput[] }
  /** It has to be executed: it is not marked, or starts nothing, or needs a shell (`line`, `what`). */
  | { readonly kind: "execute"; readonly line?: number; readonly what?: string };

/**
 * Evaluates a runscript that carries the marker: ENTRYPOINT, CMD and arguments, joined by the rules that the script
 * itself spells out. So images without a shell can be run.
 */
export async function evaluateRunscript(
  content: Uint8Array,
  args: readonly string[],
  environment: ReadonlyMap<string, string>,
  view: ContainerView,
  owner: ShellOwner,
): Promise<RunscriptResult> {
  const path = "/.singularity.d/runscript";
  if (!Buffer.from(content).toString("latin1").split(/\r?\n/).includes(RUNSCRIPT_MARKER)) return { kind: "execute" };
  const state = new ShellState({
    view: textView(view),
    scriptName: path,
    positional: args,
  });
  for (const [name, value] of environment) state.set(name, value, true);
  state.set("PWD", owner.cwd);
  setOwnVariables(state, owner);
  try {
    const end = await runScript(decodeScript(content, path), state, path);
    const { output } = state;
    if (end.kind === "exec") return { kind: "exec", argv: end.argv, output };
    return end.kind === "exit" ? { kind: "exit", status: end.status, output } : { kind: "execute" };
  } catch (error) {
    if (error instanceof ShellUnsupported) return { kind: "execute", line: error.line, what: error.what };
    if (error instanceof ShellSyntaxError) return { kind: "execute", line: error.line, what: error.message };
    throw error;
  }
}
