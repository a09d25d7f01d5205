import type { Script } from "../../deffile/definition.ts";
import type { EngineSession } from "../../runtime/engine/session.ts";
import type { StageOptions } from "../stage.ts";
import { postEnvironment, testEnvironment } from "./container-environment.ts";
import { containerProgram, type MountTargets } from "./container-program.ts";
import { scriptEnd } from "./script-end.ts";
import { sectionCommand } from "./section-command.ts";

const POST_SCRIPT = "/.post.script";
const APT_CONFIG = "/.post.apt.conf";
const TEST_SCRIPT = "/.singularity.d/test";

/** Where a script runs. */
export interface ScriptPlace {
  readonly session: EngineSession;
  readonly targets: MountTargets;
  readonly options: StageOptions;
}

/**
 * Runs %post in the container, whose root it may change.
 * @throws BuildError SCRIPT_FAILED
 */
export async function runPost(script: Script, { session, targets, options }: ScriptPlace): Promise<void> {
  const { signal, onProgress, output = 1 } = options;
  await writeInside(`${session.rootPath}${POST_SCRIPT}`, script.text, { session, options });
  // apt looks whether it has really become another user; with none to become it stays root.
  if (session.ids === "root")
    await writeInside(`${session.rootPath}${APT_CONFIG}`, 'APT::Sandbox::User "root";\n', { session, options });
  onProgress({ kind: "script", section: "post" });
  const isAlone = session.ids === "root";
  const environment = postEnvironment(options.environment, session.rootPath, isAlone ? APT_CONFIG : undefined);
  const program = containerProgram(sectionCommand(script, POST_SCRIPT), environment, { targets, isAlone });
  await scriptEnd("post", session.runInside(program, { stdio: [0, output, 2], signal }), signal);
  const ours = [POST_SCRIPT, APT_CONFIG].map((path) => `${session.rootPath}${path}`);
  await session.runHost(["rm", "-f", "--", ...ours], { stdio: ["ignore", "ignore", 2], cwd: "/", signal }).ended;
}

/**
 * Runs the container's test, whose text is in it.
 * @throws BuildError SCRIPT_FAILED
 */
export async function runTest({ session, targets, options }: ScriptPlace): Promise<void> {
  const { signal, onProgress, output = 1 } = options;
  onProgress({ kind: "script", section: "test" });
  const environment = testEnvironment(options.environment, session.rootPath);
  const program = containerProgram([TEST_SCRIPT], environment, {
    targets,
    home: options.environment.HOME,
    isAlone: session.ids === "root",
  });
  await scriptEnd("test", session.runInside(program, { stdio: [0, output, 2], signal }), signal);
}

/** Writes a file as the session's root. */
async function writeInside(
  path: string,
  text: string,
  { session, options: { signal } }: Pick<ScriptPlace, "session" | "options">,
): Promise<void> {
  const writing = session.runHost(["/bin/sh", "-c", 'cat >"$0" && chmod 755 "$0"', path], {
    stdio: ["pipe", "ignore", 2],
    cwd: "/",
    signal,
  });
  writing.stdin?.on("error", () => {});
  writing.stdin?.end(text);
  await scriptEnd("post", writing, signal);
}
