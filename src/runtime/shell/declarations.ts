import type { BuiltinCall } from "./builtins.ts";
import { NAME, ShellUnsupported } from "./syntax.ts";

/** Commands whose arguments assign: these are not split (POSIX.1-2024, declaration utilities). */
export const DECLARING: ReadonlySet<string> = new Set(["export", "readonly", "declare", "typeset", "local"]);

interface Declared {
  readonly name: string;
  readonly value: string | undefined;
}

function declared(args: readonly string[], command: string, line: number): Declared[] {
  if (args.length === 0) throw new ShellUnsupported(`${command} without names`, line);
  return args.map((arg) => {
    const equals = arg.indexOf("=");
    const name = equals < 0 ? arg : arg.slice(0, equals);
    if (!NAME.test(name)) throw new ShellUnsupported(`${command} ${JSON.stringify(name)}`, line);
    return { name, value: equals < 0 ? undefined : arg.slice(equals + 1) };
  });
}

export function exportNames({ args, line, state, assign }: BuiltinCall): number {
  let status = 0;
  for (const { name, value } of declared(args, "export", line)) {
    if (value === undefined) state.export(name);
    else if (assign(name, value, true) !== 0) status = 1;
  }
  return status;
}

export function makeReadOnly({ args, line, state, assign }: BuiltinCall): number {
  let status = 0;
  for (const { name, value } of declared(args, "readonly", line)) {
    if (value !== undefined && assign(name, value) !== 0) status = 1;
    state.readOnly.add(name);
  }
  return status;
}

/** `declare`, `typeset` of texts, with -x and -r; in a function they would be its own, as `local` makes them. */
export function declareNames(call: BuiltinCall): number {
  const { args, line, state, assign, locals } = call;
  const options = args.filter((arg) => arg.startsWith("-"));
  const names = declared(args.slice(options.length), "declare", line);
  if (options.some((option) => !/^-[xr]+$/.test(option)) || locals !== undefined)
    throw new ShellUnsupported("declare of what is no text of the whole script", line);
  const has = (letter: string) => options.some((option) => option.includes(letter));
  let status = 0;
  for (const { name, value } of names) {
    if (value !== undefined && assign(name, value, has("x")) !== 0) status = 1;
    if (has("x")) state.export(name);
    if (has("r")) state.readOnly.add(name);
  }
  return status;
}

export function makeLocal({ args, line, state, assign, locals }: BuiltinCall): number {
  if (locals === undefined) throw new ShellUnsupported("local outside of a function", line);
  let status = 0;
  for (const { name, value } of declared(args, "local", line)) {
    if (!locals.has(name)) locals.set(name, state.variables.get(name));
    // What a name without a value has differs from shell to shell.
    if (value === undefined && state.get(name) !== undefined) throw new ShellUnsupported(`local ${name}`, line);
    if (value !== undefined && assign(name, value) !== 0) status = 1;
  }
  return status;
}

export function unsetNames({ args, line, state, keep }: BuiltinCall): number {
  const functions = args[0] === "-f";
  let status = 0;
  for (const name of args[0] === "-f" || args[0] === "-v" ? args.slice(1) : args) {
    if (!NAME.test(name)) throw new ShellUnsupported(`unset ${JSON.stringify(name)}`, line);
    if (functions) state.functions.delete(name);
    else if (state.readOnly.has(name)) status = keep(name);
    else state.unset(name);
  }
  return status;
}
