import { streamChunks } from "../../bytes/stream-chunks.ts";
import type { OnProgress } from "../../progress.ts";
import type { EngineSession } from "../../runtime/engine/session.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { readTar } from "../../tar/read-tar.ts";
import { BuildError } from "../errors.ts";

/**
 * Names in bytewise order, numeric owners, extended attributes of all name spaces (those of the overlay are its
 * marks). Times of access and change are left out: they would take a header of their own for each file.
 */
const ARGUMENTS = [
  ...["--create", "--file=-", "--format=posix", "--pax-option=delete=atime,delete=ctime", "--sort=name"],
  ...["--numeric-owner", "--xattrs", "--xattrs-include=*", "--no-acls", "--sparse", "--warning=no-file-ignored"],
] as const;

/**
 * The files of a directory as a session sees them, by tar in that session: ids there are the container's, and its
 * root may read what an ordinary user may not. Sockets, which no tar holds, are left out.
 * @throws BuildError CHANGES_UNREADABLE; TarError where tar ends too early
 */
export async function* readInside(
  session: Pick<EngineSession, "runHost">,
  directory: string,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: OnProgress },
): AsyncGenerator<TarEntry, void, undefined> {
  const tar = session.runHost(["tar", ...ARGUMENTS, `--directory=${directory}`, "."], {
    stdio: ["ignore", "pipe", "pipe"],
    environment: { ...process.env, LC_ALL: "C" },
    cwd: "/",
    signal,
  });
  let complaint = "";
  tar.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, 4096);
  });
  let failure: { readonly error: unknown } | undefined;
  try {
    if (tar.stdout !== null) yield* readTar(streamChunks(tar.stdout), { name: "of what was changed", signal });
  } catch (error) {
    failure = { error };
  }
  const end = await tar.ended;
  signal.throwIfAborted();
  // What tar says of itself is the better reason, where its stream is cut short.
  const isGood = end.kind === "exit" && end.code === 0;
  if (!isGood) throw new BuildError("CHANGES_UNREADABLE", { seen: complaint.trim(), cause: failure?.error });
  if (failure !== undefined) throw failure.error;
  for (const line of complaint.split("\n").filter(Boolean)) onProgress({ kind: "warning", message: line });
}
