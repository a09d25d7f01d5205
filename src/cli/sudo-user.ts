import { geteuid } from "node:process";
import type { FileOwner } from "../index.ts";

/** Linux's ids are 32 bits wide; the last one means "none". */
const MAX_ID = 0xfffffffe;

/**
 * Whom a file belongs to that is written under sudo: who called `sudo sifon …`, as Apptainer has it.
 * In a root shell (`sudo -i`), whose command is not Sifon, files are root's.
 */
export function sudoUser(
  environment: NodeJS.ProcessEnv,
  effectiveUid: number | undefined = geteuid?.(),
): FileOwner | undefined {
  if (effectiveUid !== 0 || !/\bsifon\b/.test(environment.SUDO_COMMAND ?? "")) return undefined;
  const [uid, gid] = [environment.SUDO_UID, environment.SUDO_GID].map(parseId);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id > MAX_ID ? undefined : id;
}
