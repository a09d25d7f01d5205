import { CONTAINER_OPTIONS } from "./action-options.ts";
import { attributeName, type OptionValues } from "./options.ts";
import type { TypedAction } from "./run-action.ts";

/** The words with which Apptainer does the same. */
export function apptainerArguments({ action, image, args }: TypedAction, values: OptionValues): string[] {
  const words: string[] = [action];
  for (const { flags, repeatable } of CONTAINER_OPTIONS) {
    const name = attributeName(flags);
    const flag = /--[a-z-]+/.exec(flags)?.[0] ?? "";
    if (repeatable) words.push(...values.texts(name).map((value) => `${flag}=${value}`));
    else if (flags.includes("<")) {
      const value = values.text(name);
      if (value !== undefined) words.push(`${flag}=${value}`);
    } else if (values.flag(name)) words.push(flag);
  }
  return [...words, image, ...args];
}
