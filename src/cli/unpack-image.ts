import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSandbox } from "../index.ts";
import type { Context } from "./context.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";

/** Unpacks an image that this host cannot mount. */
export async function unpackImage(
  path: string,
  why: Error,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<string> {
  log.warning(`${why.message} The image is unpacked instead, which takes time and space`);
  const folder = await mkdtemp(join(values.text("tmpdir") ?? tmpdir(), "sifon-unpacked-"));
  const directory = join(folder, "root");
  log.info(`Unpacking ${path} to ${directory}`);
  await buildSandbox({ from: { path }, directory, signal: context.signal });
  return directory;
}
