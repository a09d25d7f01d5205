import { homedir } from "node:os";
import { join } from "node:path";
import { type PgpKey, parseUserId, printable, readKeyring } from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import type { OptionSpec, OptionValues } from "./options.ts";
import type { Prompt } from "./prompt.ts";

/** Where keyrings are; the same as Apptainer's, so that keys made by either serve both. */
export const KEYSDIR_OPTION: OptionSpec = {
  flags: "-d, --keysdir <dir>",
  description: "folder of the keyrings (default: ~/.apptainer/keys)",
  env: ["KEYSDIR", "SYPGPDIR"],
};

/** What all users of a machine trust; its administrator's. */
export const GLOBAL_KEYRING = "/etc/apptainer/global-pgp-public";

/** Paths of the two keyrings. */
export interface KeyringPaths {
  readonly public: string;
  readonly secret: string;
}

/** @param values of a command that has {@link KEYSDIR_OPTION} */
export function keyringPaths(values: OptionValues, { environment }: Context): KeyringPaths {
  const home = environment.HOME || homedir();
  const folder = values.text("keysdir") ?? join(home, ".apptainer", "keys");
  return { public: join(folder, "pgp-public"), secret: join(folder, "pgp-secret") };
}

/** A key that signatures are held against, and whose keyring it is from. */
export interface TrustedKey extends PgpKey {
  readonly origin: "LOCAL" | "GLOBAL";
}

/**
 * Keys that the user trusts, and those that all users of the machine do.
 * @param values of a command that has {@link KEYSDIR_OPTION}
 */
export async function trustedPgpKeys(values: OptionValues, context: Context): Promise<readonly TrustedKey[]> {
  const { signal } = context;
  const local = await readKeyring(keyringPaths(values, context).public, { signal });
  const global = await readKeyring(GLOBAL_KEYRING, { signal });
  return [
    ...local.map((one) => ({ ...one, origin: "LOCAL" as const })),
    ...global.map((one) => ({ ...one, origin: "GLOBAL" as const })),
  ];
}

/** What Go prints for a time in UTC, to the second. */
const goTime = (date: Date): string =>
  `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)} +0000 UTC`;

/** A key as `key list` shows it, and a blank line. */
export function longEntry(key: PgpKey, index: number): string {
  return [
    ...key.userIds.map((userId) => `${index})  User:              ${userName(userId)}`),
    `    Creation time:     ${goTime(key.created)}`,
    `    Fingerprint:       ${key.fingerprint}`,
    `    Length (in bits):  ${key.bitLength}`,
    "",
    "",
  ].join("\n");
}

/** A key as `sign` shows it when there are several. */
export function shortEntry(key: PgpKey, index: number): string {
  return [
    ...key.userIds.map((userId) => `${index}) U: ${userName(userId)}`),
    `   C: ${goTime(key.created)}`,
    `   F: ${key.fingerprint}`,
    `   L: ${key.bitLength}`,
    "   --------",
    "",
  ].join("\n");
}

function userName(userId: string): string {
  const { name, comment, email } = parseUserId(userId);
  return printable(`${name} (${comment}) <${email}>`);
}

/** Lets the user choose one of several keys by number; the only one is taken without asking. */
export async function chooseKey(
  keys: readonly PgpKey[],
  asked: { readonly kind: "public" | "private"; readonly entry: (key: PgpKey, index: number) => string },
  prompt: () => Prompt,
): Promise<PgpKey> {
  const [first] = keys;
  if (first === undefined) throw new FatalError("keyring is empty");
  if (keys.length === 1) return first;
  const question = `${keys.map(asked.entry).join("")}Enter # of ${asked.kind} key to use : `;
  const answer = (await prompt().ask(question)).trim();
  const chosen = /^\d{1,9}$/.test(answer) ? keys[Number(answer)] : undefined;
  if (chosen === undefined) throw new FatalError("invalid choice");
  return chosen;
}

/** The passphrase of an encrypted key, asked for; nothing for others. */
export async function askPassphrase(key: PgpKey, prompt: () => Prompt): Promise<string | undefined> {
  return key.isEncrypted ? prompt().askSecret("Enter key passphrase : ") : undefined;
}
