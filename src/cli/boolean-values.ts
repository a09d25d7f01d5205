import type { Command, Option } from "commander";
import { UsageError } from "./exit.ts";
import { parseBool } from "./options.ts";

/** How far a command's options reach. */
export interface BooleanValueOptions {
  /** As in messages of wrong use: `sif list`. */
  readonly name: string;
  /** The first word that is no option ends them: a program's own follow, or a command below. */
  readonly endsAtWord: boolean;
}

/**
 * Has a command take `--flag=false` (and `-f=false`, true, t, 1 …) for every flag, as pflag does, which commander does
 * not know: what is true becomes the plain flag, what is false is taken out and set behind. The last one counts.
 */
export function takeBooleanValues(command: Command, { name, endsAtWord }: BooleanValueOptions): void {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (words) => {
    const refused = new Set<string>();
    const parsed = parse(plainFlags(words, command, { name, endsAtWord, refused }));
    for (const attribute of refused) command.setOptionValueWithSource(attribute, false, "cli");
    return parsed;
  };
}

interface Walk extends BooleanValueOptions {
  /** Attributes of the flags that are false at last. */
  readonly refused: Set<string>;
}

function plainFlags(words: readonly string[], command: Command, walk: Walk): string[] {
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const isOption = word.length > 1 && word.startsWith("-");
    if (word === "--" || (!isOption && walk.endsAtWord)) return [...plain, ...words.slice(at)];
    const taken = isOption ? readOption(word, command, walk) : { words: [word] };
    plain.push(...taken.words);
    if (taken.takesNext && at + 1 < words.length) plain.push(words[++at] as string);
  }
  return plain;
}

interface Taken {
  /** What commander gets to read. */
  readonly words: readonly string[];
  /** The word behind it is its value. */
  readonly takesNext?: boolean;
}

function readOption(word: string, command: Command, walk: Walk): Taken {
  const [, flag = word, value] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (!flag.startsWith("--")) return readShort(word, command, walk);
  const option = optionOf(command, flag);
  if (option === undefined) return { words: [word] };
  if (option.required) return { words: [word], takesNext: value === undefined };
  return { words: readFlag(option, flag, value, walk) };
}

/** `-abc` is `-a -b -c`, the rest behind one that has a value is that value, and `-ab=false` is said of `b`. */
function readShort(word: string, command: Command, walk: Walk): Taken {
  for (let at = 1; at < word.length; at++) {
    const flag = `-${word[at]}`;
    const option = optionOf(command, flag);
    if (option === undefined) break;
    if (option.required) return { words: [word], takesNext: at + 1 === word.length };
    const hasValue = word[at + 1] === "=" && word.length > at + 2;
    const own = readFlag(option, flag, hasValue ? word.slice(at + 2) : undefined, walk);
    if (hasValue) return { words: at === 1 ? own : [word.slice(0, at), ...own] };
  }
  return { words: [word] };
}

function readFlag(option: FlagOption, flag: string, value: string | undefined, walk: Walk): readonly string[] {
  const isTrue = value === undefined ? true : parseBool(value);
  if (isTrue === undefined) {
    const reason = `strconv.ParseBool: parsing "${value}": invalid syntax`;
    throw new UsageError(walk.name, `invalid argument "${value}" for "${option.flags}" flag: ${reason}`);
  }
  if (isTrue) walk.refused.delete(option.attribute);
  else walk.refused.add(option.attribute);
  return isTrue ? [flag] : [];
}

interface FlagOption {
  readonly flags: string;
  readonly attribute: string;
  readonly required: boolean;
}

function optionOf(command: Command, flag: string): FlagOption | undefined {
  const found: Option | undefined = command.options.find(({ short, long }) => short === flag || long === flag);
  if (found !== undefined) return { flags: found.flags, attribute: found.attributeName(), required: found.required };
  // Commander keeps its help apart from the options.
  const isHelp = flag === "--help" || flag === "-h";
  return isHelp ? { flags: "-h, --help", attribute: "help", required: false } : undefined;
}
