import { closeSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import { endLeftovers } from "./leftovers.ts";
import { endWithUs } from "./outlive.ts";

/** A mount namespace that is held open: as soon as it is gone, the kernel gives its number to the next one, of whomever. */
export interface HeldNamespace {
  readonly number: number;
  readonly descriptor: number;
}

/** What bubblewrap has started. */
export interface ReportedChild {
  readonly pid: number;
  /** Undefined where the child has ended already. */
  readonly mountNamespace: HeldNamespace | undefined;
}

/** Reads bubblewrap's JSON lines: the first one tells its child and that one's namespaces. */
export function onReportedChild(stream: Readable, tell: (child: ReportedChild) => void): void {
  let text = "";
  let told = false;
  stream.on("error", () => {});
  stream.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    const pid = /"child-pid": *(\d+)/.exec(text)?.[1];
    if (told || pid === undefined || !text.includes("\n")) return;
    told = true;
    const namespace = /"mnt-namespace": *(\d+)/.exec(text)?.[1];
    const mountNamespace = namespace === undefined ? undefined : holdNamespace(Number(pid), Number(namespace));
    tell({ pid: Number(pid), mountNamespace });
  });
}

function holdNamespace(pid: number, number: number): HeldNamespace | undefined {
  try {
    return { number, descriptor: openSync(`/proc/${pid}/ns/mnt`, "r") };
  } catch {
    // bubblewrap has been ended before it started anything.
    return undefined;
  }
}

/**
 * Watches over a container's processes: gives the function that ends what a program left in the background there,
 * as that holds its pipes open and has lost the image, and lets the namespace go.
 *
 * @param isKept the kernel keeps the container's processes together: they are in a PID namespace whose first
 * process ends with us
 */
export function guardNamespace(held: HeldNamespace, { isKept }: { readonly isKept: boolean }): () => Promise<void> {
  const release = isKept ? undefined : endWithUs(held.descriptor);
  return async () => {
    try {
      await endLeftovers(held.number);
    } finally {
      closeSync(held.descriptor);
      await release?.();
    }
  };
}
