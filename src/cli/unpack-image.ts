import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSandbox, makeTemporaryFolder, removeTree, SifonError, unpackedImage } from "../index.ts";
import type { Context } from "./context.ts";
import { openDisplay } from "./display.ts";
import type { Logger } from "./logger.ts";
import type { OptionValues } from "./options.ts";

interface UnpackTools {
  readonly values: OptionValues;
  readonly log: Logger;
  readonly context: Context;
}

interface Unpacked {
  readonly directory: string;
  readonly remove: () => Promise<void>;
}

/** Unpacks an image that this host cannot mount, or finds it in the cache; `remove` when it is not run any more. */
export async function unpackImage(path: string, why: Error, tools: UnpackTools): Promise<Unpacked> {
  const { values, log, context } = tools;
  const begin = (directory: string) => {
    log.warning(`${why.message} The image is unpacked instead, which takes time and space`);
    log.info(`Unpacking ${path} to ${directory}`);
  };
  if (values.flag("disableCache")) return unpackAside(path, begin, tools);
  const display = openDisplay(log, { json: false, stages: {}, stderr: context.stderr });
  const { environment: env, signal } = context;
  try {
    const found = await unpackedImage(path, { env, onUnpack: begin, signal, onProgress: display.onProgress });
    if (found !== undefined) return { directory: found.directory, remove: () => found.release() };
  } catch (error) {
    // The cache lies in a home directory as a rule, which has a quota.
    if (!(error instanceof SifonError && error.code === "SPACE_TOO_SMALL")) throw error;
    log.warning(`${error.message} It is unpacked into the temporary folder, for this run alone`);
  } finally {
    display.stop();
  }
  return unpackAside(path, begin, tools);
}

/** For one run. */
async function unpackAside(
  path: string,
  begin: (directory: string) => void,
  { values, context }: UnpackTools,
): Promise<Unpacked> {
  const place = values.text("tmpdir") ?? tmpdir();
  const folder = await makeTemporaryFolder(place, "sifon-unpacked");
  const directory = join(folder, "root");
  begin(directory);
  const remove = () => removeTree(folder);
  try {
    await buildSandbox({ from: { path }, directory, signal: context.signal });
    return { directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
