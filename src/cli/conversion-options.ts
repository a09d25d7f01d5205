import type { Command } from "commander";
import { type Compression, type ConvertTuning, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE } from "../index.ts";
import { cacheSizeOf } from "./cache-options.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./exit.ts";
import type { Logger } from "./logger.ts";
import { type OptionSpec, OptionValues } from "./options.ts";
import { parseBytes } from "./units.ts";

/** How blocks are encoded and what the process may use. */
export const ENCODING_OPTIONS: readonly OptionSpec[] = [
  { flags: "--fast", description: "compress faster, into a somewhat larger file", env: ["FAST"] },
  { flags: "--best", description: "compress slower, into a somewhat smaller file", env: ["BEST"] },
  { flags: "--compression <kind>", description: "gzip (default), lz4 or none", env: ["COMPRESSION"] },
  {
    flags: "--block-size <size>",
    description: "squashfs block size: a power of two from 4K to 1M (default 128K)",
    env: ["BLOCK_SIZE"],
  },
  {
    flags: "--workers <count>",
    description: "compression threads; 0 compresses in the main thread (default: one per granted CPU, 0 on one CPU)",
    env: ["WORKERS"],
  },
  {
    flags: "--memory <size>",
    description: "the most memory to use: fewer threads, or an error that names the least (default: the cgroup's)",
    env: ["MEMORY"],
  },
];

/** How the container's files are owned and moded. */
export const TREE_OPTIONS: readonly OptionSpec[] = [
  { flags: "--all-root", description: "let root own every file of the container", env: ["ALL_ROOT"] },
  {
    flags: "--fix-perms",
    description: "let the owner read, write and enter everything (drops set-id bits)",
    env: ["FIXPERMS"],
  },
];

/** How the run is shown. */
export const DISPLAY_OPTIONS: readonly OptionSpec[] = [
  { flags: "--json", description: "report progress as one JSON object a line on standard error", env: ["JSON_EVENTS"] },
];

/** Looks at a command's options: flags, then environment; `--json` takes effect at once. */
export function openOptions(
  command: Command,
  specs: readonly OptionSpec[],
  context: Context,
  log: Logger,
): OptionValues {
  const values = new OptionValues(command, specs, context.environment, log);
  if (values.flag("json")) log.format = "json";
  return values;
}

/** Reads the options of {@link ENCODING_OPTIONS} and {@link TREE_OPTIONS}. */
export function conversionTuning(values: OptionValues, command: string): ConvertTuning {
  const workers = values.text("workers");
  if (workers !== undefined && !/^\d{1,4}$/.test(workers)) {
    throw new UsageError(command, `invalid value "${workers}" of --workers: expected a whole number, 0 or more`);
  }
  const blockSize = blockSizeOf(values, command);
  const memory = memoryOf(values, command);
  cacheSizeOf(values, command);
  return {
    compression: compressionOf(values, command),
    ...(blockSize === undefined ? {} : { blockSize }),
    ...(workers === undefined ? {} : { workers: Number(workers) }),
    ...(memory === undefined ? {} : { memory }),
    allRoot: values.flag("allRoot"),
    fixPermissions: values.flag("fixPerms"),
    ignoreSpace: values.flag("ignoreSpace"),
  };
}

function memoryOf(values: OptionValues, command: string): number | undefined {
  const text = values.text("memory");
  const size = text === undefined ? undefined : parseBytes(text);
  if (text !== undefined && !size) {
    throw new UsageError(command, `invalid value "${text}" of --memory: expected a size such as 128M`);
  }
  return size;
}

function compressionOf(values: OptionValues, command: string): Compression {
  const kind = values.text("compression") ?? "gzip";
  const fast = values.flag("fast");
  const best = values.flag("best");
  if (fast && best) throw new UsageError(command, "--fast and --best exclude each other");
  switch (kind) {
    case "gzip":
      return { kind, level: fast ? "fast" : best ? "best" : "default" };
    case "lz4":
      return { kind, level: best ? "best" : "fast" };
    case "none":
      return { kind };
    default:
      throw new UsageError(command, `invalid value "${kind}" of --compression: expected gzip, lz4 or none`);
  }
}

function blockSizeOf(values: OptionValues, command: string): number | undefined {
  const text = values.text("blockSize");
  if (text === undefined) return undefined;
  const size = parseBytes(text);
  if (size === undefined || size < MIN_BLOCK_SIZE || size > MAX_BLOCK_SIZE || (size & (size - 1)) !== 0) {
    throw new UsageError(command, `invalid value "${text}" of --block-size: expected a power of two from 4K to 1M`);
  }
  return size;
}
