import { join } from "node:path";
import { expect } from "vitest";
import { startApptainer } from "../support/apptainer.ts";
import { sifon } from "../support/sifon.ts";

/** What a run said; the same words of both programs are the proof. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Both programs, run in one folder with one home, so that keyrings are shared. */
export interface Pair {
  readonly env: { readonly HOME: string };
  readonly at: (name: string) => string;
  readonly theirs: (...args: readonly string[]) => Promise<Said>;
  readonly ours: (...args: readonly string[]) => Promise<Said>;
  /** Both say the same, and this is the exit code. They run at the same time: only for what changes nothing. */
  readonly expectSame: (code: number, ...args: readonly string[]) => Promise<void>;
}

export function besideApptainer(program: string, folder: string): Pair {
  const env = { HOME: join(folder, "home") };
  const pair: Pair = {
    env,
    at: (name) => join(folder, name),
    async theirs(...args) {
      const { status, stdout, stderr } = await startApptainer(program, args, { cwd: folder, env });
      return { code: status, stdout, stderr };
    },
    async ours(...args) {
      const { code, stdout, stderr } = await sifon(args, { cwd: folder, env });
      return { code, stdout, stderr };
    },
    async expectSame(code, ...args) {
      const [expected, seen] = await Promise.all([pair.theirs(...args), pair.ours(...args)]);
      expect(seen, args.join(" ")).toEqual(expected);
      expect(expected.code, args.join(" ")).toBe(code);
    },
  };
  return pair;
}
