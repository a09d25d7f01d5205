import { parseCsvRecord } from "../options/csv.ts";

/**
 * One value of `--env`: `NAME=value`, or several separated by commas, in CSV's quotes where a value has a comma.
 * With a single `=` the whole is one pair, as Apptainer (pflag's stringToString) takes it. Throws an `Error` whose
 * message follows `invalid argument "…" for "--env" flag: `.
 */
export function parseEnvOption(value: string): (readonly [name: string, value: string])[] {
  const count = value.split("=").length - 1;
  if (count === 0) throw new Error(`${value} must be formatted as key=value`);
  const pairs = count === 1 ? [value.replace(/^"+|"+$/g, "")] : parseCsvRecord(value);
  return pairs.map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 0) throw new Error(`${pair} must be formatted as key=value`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}
