import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSandbox, removeLeftovers, temporaryName } from "../index.ts";
import type { Context } from "./context.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";

const NAME = "sifon-unpacked";

/** Unpacks an image that this host cannot mount; `remove` when it is not run any more. */
export async function unpackImage(
  path: string,
  why: Error,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<{ readonly directory: string; readonly remove: () => Promise<void> }> {
  log.warning(`${why.message} The image is unpacked instead, which takes time and space`);
  const place = values.text("tmpdir") ?? tmpdir();
  // Of runs that were killed.
  await removeLeftovers(place, NAME, (left) => rm(left, { recursive: true, force: true }));
  const folder = join(place, temporaryName(NAME));
  await mkdir(folder, { mode: 0o700 });
  const directory = join(folder, "root");
  log.info(`Unpacking ${path} to ${directory}`);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await buildSandbox({ from: { path }, directory, signal: context.signal });
    return { directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
