import type { ObjectChoice } from "../index.ts";
import { UsageError } from "./exit.ts";
import type { OptionSpec, OptionValues } from "./options.ts";

/** Which objects of a SIF are signed or verified; all groups where none is given. */
export const OBJECT_OPTIONS: readonly OptionSpec[] = [
  { flags: "-g, --group-id <number>", description: "only the objects of this group" },
  { flags: "-i, --sif-id <number>", description: "only the object of this ID" },
];

const MAX_ID = 0xffffffff;

/** Reads {@link OBJECT_OPTIONS}. */
export function chosenObjects(values: OptionValues, command: string): ObjectChoice {
  const [group, object] = [number(values, command, "groupId"), number(values, command, "sifId")];
  return {
    groups: group === undefined ? [] : [group],
    objects: object === undefined ? [] : [object],
  };
}

function number(values: OptionValues, command: string, name: "groupId" | "sifId"): number | undefined {
  const text = values.text(name);
  if (text === undefined) return undefined;
  const flag = name === "groupId" ? "--group-id" : "--sif-id";
  if (!/^\d{1,10}$/.test(text) || Number(text) > MAX_ID) {
    throw new UsageError(command, `invalid value "${text}" of ${flag}: expected a number from 0 to ${MAX_ID}`);
  }
  return Number(text);
}
