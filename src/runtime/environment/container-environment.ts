import { isDeepStrictEqual } from "node:util";
import type { ContainerView } from "../../singularity-d/container-view.ts";
import { ENV_SCRIPTS } from "../../singularity-d/env-scripts.ts";
import type { RuntimeMessage } from "../message.ts";
import { runScript } from "../shell/execute.ts";
import { expandText } from "../shell/expand.ts";
import type { ScriptEnd } from "../shell/jump.ts";
import { setOwnVariables } from "../shell/own-variables.ts";
import { scanQuoted } from "../shell/scan-word.ts";
import { decodeScript } from "../shell/script-text.ts";
import { type ShellOutput, ShellState } from "../shell/state.ts";
import { NAME, ShellSyntaxError, ShellUnsupported } from "../shell/syntax.ts";
import { type TextView, textView } from "../text-view.ts";
import { DEFAULT_PATH, LIBRARY_FOLDER } from "./defaults.ts";
import type { HostEnvironment } from "./host-environment.ts";

/** Folder of an image's environment scripts. */
export const ENV_FOLDER = "/.singularity.d/env";
/** In place of a file's name, where a value that was given has to be evaluated. */
const GIVEN_VALUE = "the value that is given for ";
/** Of images that were built before Singularity 2.3. */
export const OLD_ENVIRONMENT = "/environment";

/** What scripts of the image see of the environment that is there before them, PWD beside it. */
export const VISIBLE: ReadonlySet<string> = new Set(["PWD", "HOME", "OPTIND", "UID", "GID"]);
const VISIBLE_FIXED: ReadonlySet<string> = new Set([
  "SINGULARITY_APPNAME",
  "SINGULARITY_SHELL",
  "APPTAINER_NAME",
  "APPTAINER_CONTAINER",
]);

/** Whether the image's scripts see a variable of the start environment. */
export function isVisible(name: string): boolean {
  return VISIBLE.has(name) || VISIBLE_FIXED.has(name);
}

/** The environment after the image's scripts. */
export type ContainerEnvironment =
  | {
      readonly kind: "environment";
      readonly variables: ReadonlyMap<string, string>;
      /** What the scripts have printed. */
      readonly output: readonly ShellOutput[];
      readonly messages: readonly RuntimeMessage[];
    }
  /** A script has ended it all: the program is not run. */
  | {
      readonly kind: "exit";
      readonly status: number;
      readonly output: readonly ShellOutput[];
      readonly messages: readonly RuntimeMessage[];
    }
  /** A script needs a real shell: see `environmentScript`. */
  | {
      readonly kind: "needs-shell";
      readonly file: string;
      readonly line: number;
      readonly what: string;
      /** It is a value that the user gave, not a script. */
      readonly isGiven: boolean;
    };

/**
 * Evaluates an image's environment scripts as Apptainer 1.4.5 does: they see almost nothing of the host's
 * environment, so that what they set stands; variables that the user forced come after 99-base.sh; at the end the
 * start environment fills what is not set.
 */
export async function containerEnvironment(
  view: ContainerView,
  host: HostEnvironment,
  options: {
    /** The working directory inside. */
    readonly cwd: string;
    /** What the action is given: scripts see it as their parameters. */
    readonly args?: readonly string[];
  },
): Promise<ContainerEnvironment> {
  const { cwd, args = [] } = options;
  const evaluation = new Evaluation(textView(view), host, cwd, args);
  try {
    return await evaluation.run();
  } catch (error) {
    if (!(error instanceof ShellUnsupported)) throw error;
    const { line, what, file = "the image's environment" } = error;
    return { kind: "needs-shell", file, line, what, isGiven: file.startsWith(GIVEN_VALUE) };
  }
}

/** The environment scripts of an image, in the order in which they are sourced. */
export async function environmentScripts(view: TextView): Promise<string[] | undefined> {
  if ((await view.look(ENV_FOLDER))?.kind !== "directory") return undefined;
  const names = await view.list(ENV_FOLDER);
  const scripts: string[] = [];
  const sorted = names.filter((name) => name.endsWith(".sh") && !name.startsWith("."));
  sorted.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const name of sorted) {
    const path = `${ENV_FOLDER}/${name}`;
    if ((await view.look(path))?.kind === "file") scripts.push(path);
  }
  return scripts;
}

/** What is missing in a PATH is put behind it. */
export function completePath(path: string): string {
  const folders = path === "" ? [] : path.split(":");
  const missing = DEFAULT_PATH.split(":").filter((folder) => !folders.includes(folder));
  return [...folders, ...missing].join(":");
}

class Evaluation {
  readonly #view: TextView;
  readonly #host: HostEnvironment;
  readonly #state: ShellState;
  readonly #messages: RuntimeMessage[] = [];
  /** Variables with names that no shell can hold pass by the scripts. */
  readonly #foreign = new Map<string, string>();

  constructor(view: TextView, host: HostEnvironment, cwd: string, args: readonly string[]) {
    this.#view = view;
    this.#host = host;
    this.#state = new ShellState({
      view,
      scriptName: host.start.get("APPTAINER_COMMAND") ?? "",
      positional: args,
      readOnly: ["SINGULARITY_APPNAME", "APPTAINER_NAME", "APPTAINER_CONTAINER"].filter((name) => host.start.has(name)),
    });
    for (const [name, value] of host.start) {
      if (!NAME.test(name)) this.#foreign.set(name, value);
      else if (isVisible(name)) this.#state.set(name, value, true);
    }
    this.#state.set("PWD", cwd, true);
    setOwnVariables(this.#state, { cwd, ids: host.ids });
  }

  async run(): Promise<ContainerEnvironment> {
    const before = this.#state.positional;
    const end = await this.#scripts();
    const { output } = this.#state;
    const messages = this.#messages;
    if (end.kind === "exec") throw new ShellUnsupported("exec", 1, ENV_FOLDER);
    if (end.kind === "exit") return { kind: "exit", status: end.status, output, messages };
    // Apptainer starts what the scripts make of the words: so does a shell.
    if (!isDeepStrictEqual(before, this.#state.positional)) {
      throw new ShellUnsupported("set or shift of the words of the command", 1, ENV_FOLDER);
    }
    this.#restore();
    this.#finish();
    const variables = new Map([...this.#state.environment(), ...this.#foreign]);
    return { kind: "environment", variables, output, messages };
  }

  async #scripts(): Promise<ScriptEnd> {
    const scripts = await environmentScripts(this.#view);
    if (scripts === undefined) {
      if ((await this.#view.look(OLD_ENVIRONMENT))?.kind === "file") {
        const end = await this.#source(OLD_ENVIRONMENT);
        if (end.kind !== "end") return end;
        this.#completePath();
      }
      await this.#force();
    }
    for (const path of scripts ?? []) {
      const name = path.slice(ENV_FOLDER.length + 1);
      if (name === "90-environment.sh" && this.#state.get("PATH") === undefined) this.#completePath();
      const end = await this.#source(path);
      if (end.kind !== "end") return end;
      if (name === "10-docker2singularity.sh" || name === "10-docker.sh") this.#completePath();
      if (name === "99-base.sh") await this.#force();
    }
    const last = `${ENV_FOLDER}/99-runtimevars.sh`;
    if (scripts?.includes(last) === true) return { kind: "end" };
    return runScript(ENV_SCRIPTS["99-runtimevars.sh"] ?? "", this.#state, last);
  }

  /** A script that no shell can parse is told of and left out as a whole. */
  async #source(path: string): Promise<ScriptEnd> {
    const content = await this.#view.read(path);
    if (content === undefined) return { kind: "end" };
    try {
      return await runScript(decodeScript(content, path), this.#state, path);
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error;
      this.#state.output.push({ stream: "stderr", text: `source: ${path}:${error.line}: ${error.message}\n` });
      return { kind: "end" };
    }
  }

  #completePath(): void {
    this.#state.set("PATH", completePath(this.#state.get("PATH") ?? ""), true);
  }

  async #force(): Promise<void> {
    const state = this.#state;
    if (state.get("PATH") === undefined) state.set("PATH", DEFAULT_PATH, true);
    for (const [name, value] of this.#host.forced) {
      if (name === "UID" || name === "GID") continue;
      if (state.readOnly.has(name)) {
        state.output.push({ stream: "stderr", text: `${name}: readonly variable\n` });
        continue;
      }
      if (!NAME.test(name)) {
        this.#warn(`Cannot set ${JSON.stringify(name)} in the container: it is no name of a shell's variable`);
        continue;
      }
      const libraries = name === "LD_LIBRARY_PATH";
      if (libraries && value === "") continue;
      const evaluated = await this.#evaluate(name, value);
      state.set(name, libraries ? `${evaluated}:${LIBRARY_FOLDER}` : evaluated, true);
    }
  }

  /** Values pass through the shell once, as if in double quotes, unless the host says not to. */
  async #evaluate(name: string, value: string): Promise<string> {
    if (this.#host.noEval || !/[\\$`]/.test(value)) return value;
    try {
      return await expandText(scanQuoted(value.replaceAll('"', '\\"')), this.#state);
    } catch (error) {
      if (error instanceof ShellUnsupported)
        throw new ShellUnsupported(error.what, error.line, `${GIVEN_VALUE}${name}`);
      if (!(error instanceof ShellSyntaxError)) throw error;
      // Deviates: Apptainer then forgets all values that were given, without saying which one is wrong.
      this.#warn(`Cannot evaluate the value of ${name} (${error.message}): it is passed on as it is`);
      return value;
    }
  }

  #warn(text: string): void {
    this.#messages.push({ level: "warning", text });
  }

  #restore(): void {
    const state = this.#state;
    for (const [name, value] of this.#host.start) {
      if (!NAME.test(name)) continue;
      const now = state.get(name);
      if (now === undefined || state.readOnly.has(name)) state.set(name, value, true);
      else if (now === "") state.unset(name);
    }
  }

  #finish(): void {
    const state = this.#state;
    if (!state.get("PS1")) state.set("PS1", "Apptainer> ", true);
    const prompt = state.get("PROMPT_COMMAND");
    const ps1 = `PS1="${state.get("PS1")}"`;
    state.set(
      "PROMPT_COMMAND",
      prompt
        ? `${prompt}; PROMPT_COMMAND="\${PROMPT_COMMAND%%; PROMPT_COMMAND=*}"; ${ps1}`
        : `${ps1}; unset PROMPT_COMMAND`,
      true,
    );
    const file = state.get("APPTAINER_ENVIRONMENT") || `${ENV_FOLDER}/91-environment.sh`;
    state.set("APPTAINER_ENVIRONMENT", file, true);
    state.set("SINGULARITY_ENVIRONMENT", file, true);
  }
}
