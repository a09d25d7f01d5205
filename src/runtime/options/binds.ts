import { resolve } from "node:path";
import { RuntimeError } from "../errors.ts";
import { parseCsvRecord } from "./csv.ts";

/** One bind that the user asked for. */
export interface BindSpec {
  /** On the host, absolute; of an image file with `imagePath`, that file. */
  readonly source: string;
  /** In the container, absolute. */
  readonly target: string;
  /** Asked for; binds out of image files always are. */
  readonly readOnly: boolean;
  /** `image-src`: the source is an image file, and this path in it is bound. */
  readonly imagePath?: string;
  /** `id`: which object of a SIF; the first partition for data by default. */
  readonly imageObject?: number;
}

interface RawBind {
  readonly source: string;
  readonly target: string;
  readonly options: ReadonlyMap<string, string>;
}

const FLAGS: ReadonlySet<string> = new Set(["ro", "rw"]);
const VALUED = ["image-src", "id"] as const;
const PREFIX = "While setting bind mount configuration: ";

/**
 * Binds of `--bind` and of the variables BIND and BINDPATH: `source[:target[:options]]`, several separated by commas;
 * `\:` and `\,` are characters of a path. Relative sources start at `cwd`.
 * @throws RuntimeError OPTION_INVALID with Apptainer's words
 */
export function parseBinds(text: string, cwd: string): BindSpec[] {
  const fail = (problem: string): never => {
    throw invalid(`${PREFIX}while parsing bind path: while getting bind path: ${problem}`);
  };
  return splitList(text).map((piece) => finish(parseBind(piece, fail), cwd));
}

/**
 * One `--mount`: `type=bind,source=…,destination=…[,ro][,image-src=…][,id=…]`, in CSV's quotes where a value has a
 * comma; a line each, should there be several.
 * @throws RuntimeError OPTION_INVALID with Apptainer's words
 */
export function parseMount(text: string, cwd: string): BindSpec[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  return lines.map((line) => finish(parseMountLine(line, text), cwd));
}

/** Cuts a list at its commas, without the blanks around; an option behind another one belongs to the same bind. */
function splitList(text: string): string[] {
  const binds: string[] = [];
  for (const piece of text.split(/(?<!\\),/).map((one) => one.trim().replace(/^:+/, ""))) {
    const last = binds.at(-1);
    if (last !== undefined && isOption(piece) && splitFields(last).length > 2)
      binds[binds.length - 1] = `${last},${piece}`;
    else if (piece !== "") binds.push(piece);
  }
  return binds;
}

/** As Apptainer 1.4.5: two colons are one. */
const splitFields = (piece: string): string[] => piece.replace(/(?<!\\):+/g, ":").split(/(?<!\\):/);

function isOption(text: string): boolean {
  return FLAGS.has(text) || VALUED.some((name) => text.startsWith(`${name}=`));
}

function parseBind(piece: string, fail: (problem: string) => never): RawBind {
  const [source = "", target = source, options, ...more] = splitFields(piece);
  if (more.length > 0) {
    const right = `${source}:${target}:${options}`;
    fail(`bad bind syntax ${JSON.stringify(`${right}:`)}: should be ${right}`);
  }
  const given = new Map<string, string>();
  for (const option of options === undefined ? [] : options.split(/(?<!\\),/)) {
    if (!isOption(option)) fail(`${option} is not a valid bind option`);
    const equals = option.indexOf("=");
    given.set(equals < 0 ? option : option.slice(0, equals), equals < 0 ? "" : option.slice(equals + 1));
  }
  return { source: unescapePath(source), target: unescapePath(target), options: given };
}

const unescapePath = (path: string): string => path.replace(/\\([:,])/g, "$1");

function parseMountLine(line: string, whole: string): RawBind {
  const fail = (problem: string): never => {
    throw invalid(`${PREFIX}while parsing mount ${JSON.stringify(whole)}: ${problem}`);
  };
  let fields: string[] = [];
  try {
    fields = parseCsvRecord(line);
  } catch (error) {
    fail(`error parsing mount: ${(error as Error).message}`);
  }
  let [source, target] = ["", ""];
  const options = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf("=");
    const key = equals < 0 ? field : field.slice(0, equals);
    const value = equals < 0 ? "" : field.slice(equals + 1);
    switch (key) {
      case "type":
        if (value !== "bind") fail(`unsupported mount type ${JSON.stringify(value)}, only 'bind' is supported`);
        break;
      case "source":
      case "src":
        if (value === "") fail("mount source cannot be empty");
        source = value;
        break;
      case "destination":
      case "dst":
      case "target":
        if (value === "") fail("mount destination cannot be empty");
        target = value;
        break;
      case "ro":
      case "readonly":
        options.set("ro", "");
        break;
      case "image-src":
        if (value === "") fail("img-src cannot be empty");
        options.set(key, value);
        break;
      case "id":
        if (value === "") fail("id cannot be empty");
        options.set(key, value);
        break;
      case "bind-propagation":
        fail("bind-propagation not supported for individual mounts, check apptainer.conf for global setting");
        break;
      default:
        fail(`invalid key ${JSON.stringify(key)} in mount specification`);
    }
  }
  if (source === "" || target === "") fail("mounts must specify a source and a destination");
  return { source, target, options };
}

function finish({ source, target, options }: RawBind, cwd: string): BindSpec {
  const absolute = resolve(cwd, source);
  if (target === "") {
    throw invalid(
      `container creation failed: unable to add ${absolute} to mount list: mount point must contain a destination`,
    );
  }
  if (!target.startsWith("/")) {
    throw invalid(
      `container creation failed: unable to add ${absolute} to mount list: destination must be an absolute path`,
    );
  }
  const id = options.get("id");
  if (id !== undefined && !/^\d+$/.test(id)) {
    const problem = `while parsing id bind option: strconv.ParseUint: parsing ${JSON.stringify(id)}: invalid syntax`;
    throw invalid(`container creation failed: ${problem}`);
  }
  if (id !== undefined && !/^[1-9]\d{0,8}$/.test(id)) {
    throw invalid("container creation failed: id number must be greater than 0");
  }
  const imagePath = id === undefined ? options.get("image-src") : (options.get("image-src") ?? "/");
  return {
    source: absolute,
    target,
    readOnly: options.has("ro"),
    ...(imagePath === undefined ? {} : { imagePath: imagePath || "/" }),
    ...(id === undefined ? {} : { imageObject: Number(id) }),
  };
}

function invalid(problem: string): RuntimeError {
  return new RuntimeError("OPTION_INVALID", { problem });
}
