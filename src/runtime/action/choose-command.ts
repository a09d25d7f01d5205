import type { ContainerView } from "../../singularity-d/container-view.ts";
import type { RuntimeMessage } from "../message.ts";
import { type TextView, textView } from "../text-view.ts";

/** What is to be started in a container. */
export interface ActionRequest {
  readonly action: "exec" | "run" | "shell" | "test";
  /** The program and its arguments for `exec`, else arguments. */
  readonly args: readonly string[];
  /** `--app` */
  readonly app?: string | undefined;
  /** `--shell` */
  readonly shell?: string | undefined;
}

/** A command, or why there is none. */
export type ChosenCommand =
  | {
      readonly kind: "command";
      readonly argv: readonly [string, ...string[]];
      /** Variables that go with it. */
      readonly variables: ReadonlyMap<string, string>;
      readonly messages: readonly RuntimeMessage[];
    }
  | { readonly kind: "exit"; readonly status: number; readonly messages: readonly RuntimeMessage[] };

const RUNSCRIPT = "/.singularity.d/runscript";
const TEST = "/.singularity.d/test";

/** Chooses by an image's files what an action starts, as Apptainer 1.4.5 does. */
export async function chooseCommand(view: ContainerView, request: ActionRequest): Promise<ChosenCommand> {
  const files = textView(view);
  const { args } = request;
  switch (request.action) {
    case "exec": {
      const [program, ...rest] = args;
      if (program === undefined) throw new TypeError("exec needs a program");
      return command([program, ...rest]);
    }
    case "run":
      return chooseRun(files, request);
    case "shell":
      return chooseShell(files, request);
    case "test":
      return chooseTest(files, request);
  }
}

async function chooseRun(view: TextView, { app, args }: ActionRequest): Promise<ChosenCommand> {
  if (app !== undefined && app !== "") {
    for (const path of [`/scif/apps/${app}/scif/runscript`, "/scif/apps/singularity/scif/runscript"]) {
      if (await isExecutable(view, path)) return command([path, ...args]);
    }
    return refuse(`no runscript for contained app: ${app}`);
  }
  for (const path of [RUNSCRIPT, "/apptainer", "/singularity"]) {
    if (await isExecutable(view, path)) return command([path, ...args]);
  }
  if (!(await isExecutable(view, "/bin/sh"))) {
    return refuse("No runscript and no /bin/sh executable found in container, aborting");
  }
  return command(["/bin/sh", ...args], [{ level: "info", text: "No runscript found in container, executing /bin/sh" }]);
}

async function chooseShell(view: TextView, { shell, args }: ActionRequest): Promise<ChosenCommand> {
  const messages: RuntimeMessage[] =
    args.length === 0 ? [] : [{ level: "warning", text: "Parameters to shell command are ignored" }];
  if (shell !== undefined && shell !== "" && (await isExecutable(view, shell))) return command([shell], messages);
  if (await isExecutable(view, "/bin/bash")) {
    return command(["/bin/bash", "--norc"], messages, new Map([["SHELL", "/bin/bash"]]));
  }
  if (await isExecutable(view, "/bin/sh")) return command(["/bin/sh"], messages, new Map([["SHELL", "/bin/sh"]]));
  return refuse("/bin/sh does not exist in container", messages);
}

async function chooseTest(view: TextView, { app, args }: ActionRequest): Promise<ChosenCommand> {
  if (app !== undefined && app !== "") {
    for (const path of [`/scif/apps/${app}/scif/test`, "/scif/apps/singularity/scif/test"]) {
      if (await isExecutable(view, path)) return command([path, ...args]);
    }
    return refuse(`No tests for contained app: ${app}`);
  }
  if (await isExecutable(view, TEST)) return command([TEST, ...args]);
  const messages: RuntimeMessage[] = [{ level: "info", text: "No test script found in container, exiting" }];
  // Apptainer 1.4.5 does not: what was to be replaced by the test, the image's own script, is executed.
  const script = "/.singularity.d/actions/test";
  return (await isExecutable(view, script))
    ? command([script, ...args], messages)
    : { kind: "exit", status: 0, messages };
}

/** What `run-help` prints: the help of the image, or of an app in it. */
export async function helpText(view: ContainerView, app?: string): Promise<Uint8Array> {
  const files = textView(view);
  const path =
    app === undefined || app === "" ? "/.singularity.d/runscript.help" : `/scif/apps/${app}/scif/runscript.help`;
  return (await files.read(path)) ?? Buffer.from("No help sections were defined for this image\n");
}

async function isExecutable(view: TextView, path: string): Promise<boolean> {
  return (await view.look(path))?.executable === true;
}

function command(
  argv: readonly [string, ...string[]],
  messages: readonly RuntimeMessage[] = [],
  variables: ReadonlyMap<string, string> = new Map(),
): ChosenCommand {
  return { kind: "command", argv, variables, messages };
}

function refuse(text: string, messages: readonly RuntimeMessage[] = []): ChosenCommand {
  return { kind: "exit", status: 1, messages: [...messages, { level: "error", text }] };
}
