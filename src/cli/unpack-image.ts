import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSandbox, makeTemporaryFolder, removeTree } from "../index.ts";
import type { Context } from "./context.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";

/** Unpacks an image that this host cannot mount; `remove` when it is not run any more. */
export async function unpackImage(
  path: string,
  why: Error,
  { values, log, context }: { readonly values: OptionValues; readonly log: Logger; readonly context: Context },
): Promise<{ readonly directory: string; readonly remove: () => Promise<void> }> {
  log.warning(`${why.message} The image is unpacked instead, which takes time and space`);
  const place = values.text("tmpdir") ?? tmpdir();
  const folder = await makeTemporaryFolder(place, "sifon-unpacked");
  const directory = join(folder, "root");
  log.info(`Unpacking ${path} to ${directory}`);
  const remove = () => removeTree(folder);
  try {
    await buildSandbox({ from: { path }, directory, signal: context.signal });
    return { directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
