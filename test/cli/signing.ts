import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { minimalSif } from "../sif/minimal-sif.ts";
import type { CommandResult } from "../support/command.ts";
import { sifon } from "../support/sifon.ts";

/** A home with keyrings of its own, and a folder with an unsigned image, `x.sif`. */
export interface SigningPlace {
  readonly home: string;
  readonly folder: string;
  readonly keys: string;
  readonly run: (
    args: readonly string[],
    options?: { readonly stdin?: string; readonly env?: Record<string, string> },
  ) => Promise<CommandResult>;
}

/** A fresh one, gone after the test. */
export async function createSigningPlace({
  onTestFinished,
}: Pick<TestContext, "onTestFinished">): Promise<SigningPlace> {
  const root = await mkdtemp(join(tmpdir(), "sifon-signing-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const [home, folder] = [join(root, "home"), join(root, "work")];
  await mkdir(home);
  await mkdir(folder);
  await writeFile(join(folder, "x.sif"), await minimalSif());
  return {
    home,
    folder,
    keys: join(home, ".apptainer", "keys"),
    run: (args, options = {}) =>
      sifon(args, { cwd: folder, ...options, env: { HOME: home, LC_ALL: "C", ...options.env } }),
  };
}

/** Makes a short key without a passphrase. */
export function newKey(place: SigningPlace, name: string, password = ""): Promise<CommandResult> {
  const owner = ["-N", name, "-E", `${name.toLowerCase()}@example.org`, "-C", ""];
  return place.run(["key", "newpair", "-b", "2048", ...owner, "-P", password, "--push=false"]);
}
