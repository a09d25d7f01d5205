import { spawn } from "node:child_process";
import { AuthError } from "./errors.ts";
import { Secret } from "./secret.ts";

/** What a helper gave. The name `<token>` marks the secret as an identity token. */
export interface HelperAnswer {
  readonly username: string;
  readonly secret: Secret;
}

export interface HelperOptions {
  /** The file that names the helper, for messages. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const MAX_OUTPUT_SIZE = 1024 * 1024;
/** Helpers may ask a person (a key-ring's dialogue), so this is long; it only ends what hangs. */
const TIMEOUT_MS = 120_000;

/**
 * Asks `docker-credential-NAME get` (protocol of docker/docker-credential-helpers: the server on stdin, JSON
 * on stdout). Undefined when the helper knows nothing of the server.
 *
 * Throws `AuthError` CREDENTIAL_HELPER_FAILED; the helper's output is never quoted.
 */
export async function askCredentialHelper(
  name: string,
  server: string,
  options: HelperOptions,
): Promise<HelperAnswer | undefined> {
  const fail = failureOf(name, server, options);
  const { exitCode, output } = await runHelper(name, "get", server, server, options);
  // The helpers print this sentence on stdout and leave with 1; there is no code for it.
  if (exitCode !== 0)
    return /credentials not found/i.test(output) ? undefined : fail(`it left with status ${exitCode}`);
  const answer = parseAnswer(output) ?? fail("it did not answer with JSON holding Username and Secret");
  return answer.username === "" && answer.secret.reveal() === "" ? undefined : answer;
}

/** Has the helper keep a password (`store`). Throws `AuthError` CREDENTIAL_HELPER_FAILED. */
export async function storeInHelper(
  name: string,
  server: string,
  login: { readonly username: string; readonly password: Secret },
  options: HelperOptions,
): Promise<void> {
  const input = JSON.stringify({ ServerURL: server, Username: login.username, Secret: login.password.reveal() });
  const { exitCode } = await runHelper(name, "store", server, input, options);
  if (exitCode !== 0) failureOf(name, server, options)(`it left with status ${exitCode} when it should store`);
}

/** Has the helper forget a server (`erase`); false where it knew nothing of it or could not. */
export async function eraseInHelper(name: string, server: string, options: HelperOptions): Promise<boolean> {
  const known = await askCredentialHelper(name, server, options);
  return known !== undefined && (await runHelper(name, "erase", server, server, options)).exitCode === 0;
}

function failureOf(name: string, server: string, { path }: HelperOptions): (problem: string) => never {
  return (problem) => {
    throw new AuthError("CREDENTIAL_HELPER_FAILED", { helper: `docker-credential-${name}`, server, path, problem });
  };
}

interface HelperRun {
  readonly exitCode: number | null;
  readonly output: string;
}

async function runHelper(
  name: string,
  verb: "get" | "store" | "erase",
  server: string,
  input: string,
  options: HelperOptions,
): Promise<HelperRun> {
  const fail = failureOf(name, server, options);
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    fail("its name has characters other than letters, digits, dot, dash and underscore");
  const { problem, ...run } = await spawnHelper(`docker-credential-${name}`, verb, input, options);
  options.signal.throwIfAborted();
  return problem === undefined ? run : fail(problem);
}

function spawnHelper(
  helper: string,
  verb: string,
  input: string,
  { env, signal }: HelperOptions,
): Promise<HelperRun & { readonly problem?: string }> {
  return new Promise((resolve) => {
    const child = spawn(helper, [verb], {
      env: env as NodeJS.ProcessEnv,
      stdio: ["pipe", "pipe", "ignore"],
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT_SIZE) child.kill();
      else chunks.push(chunk);
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      const problem = error.code === "ENOENT" ? "it is not installed (not found in PATH)" : "it did not run to its end";
      resolve({ problem, exitCode: null, output: "" });
    });
    child.on("close", (exitCode) => resolve({ exitCode, output: Buffer.concat(chunks).toString("utf8") }));
    // A helper that does not read its input closes the pipe; its answer decides, not the write.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

function parseAnswer(output: string): HelperAnswer | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  const { Username: username, Secret: secret } = answer as Record<string, unknown>;
  if (typeof username !== "string" || typeof secret !== "string") return undefined;
  return { username, secret: new Secret(secret) };
}
