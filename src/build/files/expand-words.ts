import { BuildError } from "../errors.ts";

/**
 * What a shell makes of a word before it looks for files: variables, `~`, braces. A backslash that protects a
 * character stays in front of it, as the patterns have it.
 * Deviates: commands in it (`$(…)`, backquotes) are refused; Apptainer runs them. Shown by test/build/expand-words.test.ts.
 * @throws BuildError COMMAND_IN_PATH, VARIABLE_UNSET
 */
export function expandWords(word: string, environment: NodeJS.ProcessEnv): string[] {
  return expandBraces(expandTilde(expandVariables(word, environment), environment));
}

const VARIABLE = /\\.|`|\$\(|\$(?:(\w+)|\{(\w+)\})/gs;

function expandVariables(word: string, environment: NodeJS.ProcessEnv): string {
  return word.replace(VARIABLE, (found, plain: string | undefined, braced: string | undefined) => {
    if (found.startsWith("\\")) return found;
    const name = plain ?? braced;
    if (name === undefined) throw new BuildError("COMMAND_IN_PATH", { path: word });
    const value = environment[name];
    if (value === undefined) throw new BuildError("VARIABLE_UNSET", { path: word, variable: name });
    return value;
  });
}

function expandTilde(word: string, { HOME }: NodeJS.ProcessEnv): string {
  return HOME !== undefined && /^~(?:\/|$)/.test(word) ? HOME + word.slice(1) : word;
}

/** The first pair of braces that has a comma or two dots of its own, and what is in front of and behind it. */
function expandBraces(word: string): string[] {
  for (let start = 0; start < word.length; start++) {
    if (word[start] === "\\") start++;
    else if (word[start] === "{") {
      const choices = readChoices(word, start);
      if (choices === undefined) continue;
      const front = word.slice(0, start);
      return choices.words.flatMap((choice) =>
        expandBraces(choice + word.slice(choices.end)).map((rest) => front + rest),
      );
    }
  }
  return [word];
}

function readChoices(word: string, start: number): { readonly words: string[]; readonly end: number } | undefined {
  const commas: number[] = [];
  let depth = 0;
  for (let at = start; at < word.length; at++) {
    const character = word[at];
    if (character === "\\") at++;
    else if (character === "{") depth++;
    else if (character === "," && depth === 1) commas.push(at);
    else if (character === "}" && --depth === 0) {
      const end = at + 1;
      if (commas.length === 0) {
        const range = expandRange(word.slice(start + 1, at));
        return range === undefined ? undefined : { words: range, end };
      }
      const cuts = [start, ...commas, at];
      return { words: cuts.slice(1).map((cut, index) => word.slice((cuts[index] as number) + 1, cut)), end };
    }
  }
  return undefined;
}

/** Words that one range may make. */
const MAX_RANGE = 10_000;

/** `1..3`, `a..c`, `1..9..2`. */
function expandRange(text: string): string[] | undefined {
  const [, from, to, step] = /^(-?\d+|[a-zA-Z])\.\.(-?\d+|[a-zA-Z])(?:\.\.(-?\d+))?$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const isNumber = /\d$/.test(from);
  if (isNumber !== /\d$/.test(to)) return undefined;
  const [first, last] = isNumber ? [Number(from), Number(to)] : [from.charCodeAt(0), to.charCodeAt(0)];
  const width = Math.max(1, Math.abs(Number(step ?? 1)));
  const count = Math.floor(Math.abs(last - first) / width) + 1;
  if (count > MAX_RANGE) return undefined;
  const isPadded = isNumber && [from, to].some((end) => /^-?0\d/.test(end));
  const digits = isPadded ? Math.max(from.length, to.length) : 0;
  return Array.from({ length: count }, (_, index) => {
    const value = first + (last < first ? -index : index) * width;
    if (!isNumber) return String.fromCharCode(value);
    return value < 0 ? `-${String(-value).padStart(digits - 1, "0")}` : String(value).padStart(digits, "0");
  });
}
