import { randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";

/**
 * A process by what stays true of it: the boot of its kernel, its PID namespace (containers have numbers of their
 * own), its number, and when it began, since numbers come again. Empty where the system has no /proc.
 */
async function processIdentity(): Promise<string> {
  try {
    const [kernel, began] = [await kernelIdentity(), (await processState(process.pid))?.began];
    return began === undefined ? "" : `${kernel} ${process.pid} ${began}`;
  } catch {
    return "";
  }
}

async function kernelIdentity(): Promise<string> {
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "latin1")).trim();
  return `${boot} ${await readlink("/proc/self/ns/pid")}`;
}

/** The text of a new lease of this process. */
export async function describeSelf(): Promise<string> {
  return `${randomBytes(8).toString("hex")} ${await processIdentity()}\n`;
}

/** Whether the process of a lease is surely gone; false also where nobody here can tell. */
export async function isGone(text: string): Promise<boolean> {
  const [, kernel, pid, began] = /^\S+ (\S+ \S+) (\d+) (\d+)\n$/.exec(text) ?? [];
  if (kernel === undefined || (await kernelIdentity().catch(() => "")) !== kernel) return false;
  const state = await processState(Number(pid));
  return state === undefined || state.ended || state.began !== began;
}

/** Of proc_pid_stat(5), fields 3 and 22; undefined where there is no such process. */
async function processState(pid: number): Promise<{ readonly began: string; readonly ended: boolean } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  // The program's name, in parentheses, may hold anything.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, began] = [fields?.[0], fields?.[19]];
  if (state === undefined || began === undefined) return undefined;
  return { began, ended: state === "Z" || state === "X" };
}
