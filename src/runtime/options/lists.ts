import { isIP } from "node:net";
import { posix } from "node:path";
import { printable, quote } from "../../bytes/printable.ts";
import { RuntimeError } from "../errors.ts";
import type { RuntimeMessage } from "../message.ts";
import { parseCsvRecord } from "./csv.ts";

/**
 * One value of an option that takes several: separated by commas, in CSV's quotes where one has a comma. Throws an
 * `Error` whose message follows `invalid argument "…" for "--overlay" flag: `.
 */
export function parseList(text: string): string[] {
  return text === "" ? [""] : parseCsvRecord(text);
}

/**
 * `--dns`: addresses of name servers, separated by commas.
 * @throws RuntimeError OPTION_INVALID with Apptainer's words
 */
export function parseDns(text: string): string[] {
  const servers = text.split(",").map((server) => server.trim());
  if (text.trim() === "") return [];
  for (const server of servers) {
    if (isIP(server) !== 0) continue;
    const problem = `container creation failed: dns ip ${printable(server)} is not a valid IP address`;
    throw new RuntimeError("OPTION_INVALID", { problem });
  }
  return servers;
}

/** Words of `--no-mount` that name a kind of mount; anything that begins with a slash names one path. */
const MOUNT_WORDS: ReadonlySet<string> = new Set([
  ...["proc", "sys", "dev", "devpts", "home", "tmp", "hostfs", "cwd", "bind-paths"],
]);

/** `--no-mount`: what is known of it, and what is said of the rest. */
export function parseNoMount(texts: readonly string[]): {
  readonly words: readonly string[];
  readonly messages: readonly RuntimeMessage[];
} {
  const all = texts.flatMap((text) => text.split(",")).filter((word) => word !== "");
  const isKnown = (word: string) => MOUNT_WORDS.has(word) || word.startsWith("/");
  const unknown = all.filter((word) => !isKnown(word));
  return {
    words: all.filter(isKnown),
    messages: unknown.map((word) => ({ level: "warning", text: `Ignoring unknown mount type '${word}'` })),
  };
}

/** `--overlay DIR[:ro]`: the path, and whether it is only read. */
export function parseOverlay(text: string): { readonly path: string; readonly readOnly: boolean } {
  const readOnly = text.endsWith(":ro");
  return { path: readOnly || text.endsWith(":rw") ? text.slice(0, -3) : text, readOnly };
}

/**
 * All values of `--scratch`: paths in the container, without the `..` that would lead out of the `--workdir` they are
 * kept in. Each has a directory of its own: one that stands twice, or would hide one before it, is refused.
 * @throws RuntimeError OPTION_INVALID with Apptainer's words
 */
export function parseScratch(texts: readonly string[]): string[] {
  const chosen: string[] = [];
  for (const path of texts.flatMap((text) => text.split(",")).filter((one) => one !== "")) {
    const refuse = (problem: string): never => {
      throw new RuntimeError("OPTION_INVALID", { problem: `container creation failed: ${problem}` });
    };
    if (!path.startsWith("/"))
      refuse(`could not bind scratch directory ${quote(path)} into container: destination must be an absolute path`);
    const place = posix.normalize(path).replace(/(?<=.)\/$/, "");
    const former = chosen.find((one) => one === place || one.startsWith(`${place}/`));
    if (former === place) refuse(`--scratch ${quote(place)} is there twice: give it once`);
    if (former !== undefined)
      refuse(`--scratch ${quote(place)} would hide --scratch ${quote(former)}: give the larger one first`);
    chosen.push(place);
  }
  return chosen;
}
