import type { ContainerView } from "../singularity-d/container-view.ts";
import { type ActionRequest, chooseCommand } from "./action/choose-command.ts";
import { evaluateRunscript } from "./action/runscript.ts";
import { containerEnvironment } from "./environment/container-environment.ts";
import { environmentScript } from "./environment/environment-script.ts";
import type { HostEnvironment } from "./environment/host-environment.ts";
import { RuntimeError } from "./errors.ts";
import type { RuntimeMessage } from "./message.ts";
import { RESTARTED_VARIABLES } from "./shell/own-variables.ts";
import type { ShellOutput } from "./shell/state.ts";

/** A container's program, ready to be started, or what there is in place of one. */
export type PreparedProgram =
  | {
      readonly kind: "program";
      /** A path or a name; a name is to be looked for in the environment's PATH, inside. */
      readonly argv: readonly [string, ...string[]];
      /** All of it. */
      readonly environment: ReadonlyMap<string, string>;
      /** The image's shell finishes the environment and then becomes the command. */
      readonly throughShell: boolean;
      readonly messages: readonly RuntimeMessage[];
      /** What the image's scripts have printed so far. */
      readonly output: readonly ShellOutput[];
    }
  | {
      readonly kind: "exit";
      readonly status: number;
      readonly messages: readonly RuntimeMessage[];
      readonly output: readonly ShellOutput[];
    };

/**
 * From an image's files, the host's environment and an action to the program and its environment. Scripts of the
 * image that are assignments and tests are evaluated here, which starts faster and needs no shell in the image; for
 * all others the image's own shell is started with a script that does the same and then becomes the command.
 * @throws RuntimeError SCRIPT_UNSUPPORTED where an image without a shell needs one
 */
export async function prepareProgram(
  view: ContainerView,
  host: HostEnvironment,
  request: ActionRequest & { readonly cwd: string },
): Promise<PreparedProgram> {
  const { cwd } = request;
  const evaluated = await containerEnvironment(view, host, { cwd, args: request.args });
  if (evaluated.kind === "exit") return evaluated;
  const chosen = await chooseCommand(view, request);
  const messages = [
    ...host.messages,
    ...(evaluated.kind === "environment" ? evaluated.messages : []),
    ...chosen.messages,
  ];
  if (chosen.kind === "exit") return { kind: "exit", status: chosen.status, messages, output: [] };
  if (evaluated.kind === "needs-shell") {
    // The scripts see what the user gave; a runscript or test comes in front of it only then.
    const words = request.action === "shell" ? [] : request.args;
    const before = chosen.argv.length - words.length;
    const program = withVariables(chosen.argv.slice(0, before), chosen.variables);
    const script = await environmentScript(view, host, cwd, program);
    if (script === undefined) throw new RuntimeError("SCRIPT_UNSUPPORTED", { ...evaluated });
    const { argv, environment } = script;
    return {
      kind: "program",
      argv: [...argv, ...words],
      environment,
      throughShell: true,
      messages,
      output: [],
    };
  }
  const environment = sorted(new Map([...evaluated.variables, ...chosen.variables]));
  const common = { environment, throughShell: false, messages };
  const [program, ...args] = chosen.argv;
  const content = program === "/.singularity.d/runscript" ? await view.read(program) : undefined;
  if (content === undefined) return { kind: "program", ...common, argv: chosen.argv, output: evaluated.output };
  const result = await evaluateRunscript(content, args, environment, view, { cwd, ids: host.ids });
  const output = [...evaluated.output, ...("output" in result ? result.output : [])];
  if (result.kind === "exit") return { kind: "exit", status: result.status, messages, output };
  const [first, ...rest] = result.kind === "exec" ? result.argv : [];
  if (first !== undefined) {
    const kept = new Map([...environment].filter(([name]) => !RESTARTED_VARIABLES.has(name)));
    return { kind: "program", ...common, environment: kept, argv: [first, ...rest], output };
  }
  if (result.kind === "execute" && result.what !== undefined && (await view.look("/bin/sh")) === undefined) {
    throw new RuntimeError("SCRIPT_UNSUPPORTED", { file: program, line: result.line, what: result.what });
  }
  return { kind: "program", ...common, argv: chosen.argv, output };
}

/** As Apptainer's programs get it. */
function sorted(variables: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...variables].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `SHELL` of the action `shell`, where the environment is made inside. */
function withVariables(argv: readonly string[], variables: ReadonlyMap<string, string>): readonly string[] {
  if (variables.size === 0) return argv;
  const assignments = [...variables].map(([name, value]) => `export ${name}=${value}; `).join("");
  return ["/bin/sh", "-c", `${assignments}exec "$@"`, "sifon", ...argv];
}
