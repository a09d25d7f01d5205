import { randomUUID } from "node:crypto";
import { Command } from "commander";
import {
  addObject,
  createSif,
  deleteObject,
  formatHeader,
  formatInfo,
  formatList,
  getObject,
  openObjectFile,
  type RandomAccess,
  readSif,
  type SifImage,
  setPrimaryPartition,
  streamChunks,
  streamObject,
  withFileAccess,
} from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { declareOptions } from "./options.ts";
import { type Output, withOutput } from "./output.ts";
import { ADD_OPTIONS, type AddOptions, newObject } from "./sif-add.ts";
import { goMessage, parseObjectId } from "./sif-messages.ts";
import { isUndoFailure } from "./undo-failure.ts";

/** What a command below `sif` does with its words. */
interface SifCommand {
  readonly name: string;
  readonly description: string;
  readonly usage: string;
  readonly run: (words: readonly string[], output: Output, command: Command, context: Context) => Promise<void>;
}

/** `sifon sif list|header|info|dump|add|del|new|setprim`: what Apptainer's do, as they print it. */
export function sifCommand(context: Context): Command {
  const sif = new Command("sif")
    .description("Show and change the objects of a SIF file")
    .usage("<command>")
    .argument("[words...]")
    .action(() => sif.outputHelp());
  for (const { name, description, usage, run } of COMMANDS) {
    const wanted = usage.split(" ").length;
    const command = new Command(name)
      .description(description)
      .usage(usage)
      .argument("[words...]")
      .action(async (words: string[], _options: unknown, self: Command) => {
        try {
          if (words.length !== wanted) throw new TypeError(`accepts ${wanted} arg(s), received ${words.length}`);
          await withOutput(context, (output) => run(words, output, self, context));
        } catch (cause) {
          if (!isUndoFailure(cause)) context.signal.throwIfAborted();
          if (cause instanceof FatalError) throw cause;
          // Whatever else goes wrong, Apptainer tells it with the usage.
          throw new UsageError(`sif ${name}`, goMessage(cause), { brief: true, cause });
        }
      });
    if (name === "add") declareOptions(command, ADD_OPTIONS);
    sif.addCommand(command);
  }
  return sif;
}

const now = (): { timeSec: number } => ({ timeSec: Math.floor(Date.now() / 1000) });

/** For showing: what a damaged file says of its objects is what one wants to see. */
const readWhatItSays = (access: RandomAccess): Promise<SifImage> => readSif(access, { impossibleObjects: "keep" });

const shown =
  (format: (image: SifImage) => string): SifCommand["run"] =>
  async ([path = ""], output) =>
    output.raw(Buffer.from(format(await withFileAccess(path, readWhatItSays))));

const COMMANDS: readonly SifCommand[] = [
  {
    name: "list",
    description: "List data objects",
    usage: "<sif_path>",
    run: shown(formatList),
  },
  {
    name: "header",
    description: "Display global header",
    usage: "<sif_path>",
    run: shown(formatHeader),
  },
  {
    name: "info",
    description: "Display data object info",
    usage: "<id> <sif_path>",
    run: async ([id = "", path = ""], output) => {
      const number = parseObjectId(id);
      const image = await withFileAccess(path, readWhatItSays);
      await output.raw(Buffer.from(formatInfo(getObject(image, number, path))));
    },
  },
  {
    name: "dump",
    description: "Write a data object to standard output",
    usage: "<id> <sif_path>",
    run: async ([id = "", path = ""], output) => {
      const number = parseObjectId(id);
      await withFileAccess(path, async (source) => {
        const object = getObject(await readWhatItSays(source), number, path);
        for await (const piece of streamObject(source, object)) await output.raw(piece);
      });
    },
  },
  {
    name: "new",
    description: "Create a SIF file without data objects",
    usage: "<sif_path>",
    run: async ([path = ""]) => {
      const uuid = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
      // As Apptainer: what stood there is gone.
      await createSif(path, { ...now(), uuid, overwrite: true });
    },
  },
  {
    name: "add",
    description: "Add a data object",
    usage: "<sif_path> <object_path>",
    run: async ([path = "", objectPath = ""], _output, command, { signal }) => {
      const object = newObject(command.opts<AddOptions>());
      const content = await openObjectFile(objectPath, path, { signal });
      await addObject(path, object, streamChunks(content), { ...now(), signal });
    },
  },
  {
    name: "del",
    description: "Delete a data object; its bytes stay in the file",
    usage: "<id> <sif_path>",
    run: async ([id = "", path = ""], _output, _command, { signal }) =>
      deleteObject(path, parseObjectId(id), { ...now(), signal }),
  },
  {
    name: "setprim",
    description: "Make a system partition the primary one",
    usage: "<id> <sif_path>",
    run: async ([id = "", path = ""], _output, _command, { signal }) =>
      setPrimaryPartition(path, parseObjectId(id), { ...now(), signal }),
  },
];
