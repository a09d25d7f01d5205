import { escapeDoubleQuoted } from "./shell-quote.ts";

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * `env/10-docker2singularity.sh`: exports the image's ENV, a line per element, in their order. Elements
 * whose name no shell can hold vanish, as they do under Apptainer; so do values with a NUL, which no
 * environment can hold. PATH is set outright, all else only where it is unset or empty.
 *
 * Values are escaped once, for the shell (Apptainer 1.5's form). Deviates: 1.4 escapes twice and so
 * corrupts quotes, `$`, backticks, backslashes and control characters; for other values the forms are
 * the same. Shown by test/oracle/image-env.test.ts.
 */
export function imageEnvScript(env: readonly string[]): string {
  let script = "#!/bin/sh\n";
  for (const element of env) {
    const equals = element.indexOf("=");
    const name = equals < 0 ? element : element.slice(0, equals);
    const value = equals < 0 ? undefined : element.slice(equals + 1);
    if (!NAME.test(name) || value?.includes("\0")) continue;
    if (value === undefined) script += `export ${name}="\${${name}:-}"\n`;
    else if (name === "PATH") script += `export PATH="${keepReturns(escapeDoubleQuoted(value))}"\n`;
    else script += `export ${name}="\${${name}:-"${nestQuoted(keepReturns(escapeDoubleQuoted(value)))}"}"\n`;
  }
  return script;
}

/**
 * bash looks for process substitution even in quotes that stand inside `"${…}"`, and takes a `<(` without its
 * end for the rest of the script: the two characters are kept apart by an empty string.
 */
function nestQuoted(escaped: string): string {
  return escaped.replace(/([<>])\(/g, '$1""(');
}

/** Apptainer's interpreter drops a carriage return in front of a newline, even in quotes: they are kept apart as well. */
function keepReturns(escaped: string): string {
  return escaped.replaceAll("\r\n", '\r""\n');
}
