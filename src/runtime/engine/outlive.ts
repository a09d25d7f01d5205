import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

/**
 * Waits for the end of standard input, then ends all that is in the mount namespace behind descriptor 3. `-ef`
 * compares what the links lead to without starting a process for each. What is being ended may still fork: hence
 * the rounds, until one finds nothing. A zombie has no namespace any more.
 */
const SCRIPT = `trap '' HUP INT QUIT TERM
read -r line
round=0
while [ $round -lt 100 ]; do
  found=
  for folder in /proc/[0-9]*; do
    [ "$folder/ns/mnt" -ef /proc/self/fd/3 ] && kill -KILL "\${folder#/proc/}" && found=1
  done
  [ -n "$found" ] || exit 0
  round=$((round + 1))
done 2>/dev/null`;

/**
 * Ends the processes of a mount namespace when this process is killed (SIGKILL) and cannot do it itself.
 * bubblewrap's --die-with-parent reaches the program alone, and without a PID namespace the kernel does not know
 * what belongs to it. The shell that does it waits in a session of its own, out of reach of the terminal's signals
 * and of those to the process group, and holds the namespace: it cannot mistake another one for it.
 *
 * @returns ends the wait; to be called when there is nothing to end any more
 */
export function endWithUs(mountNamespace: number): () => Promise<void> {
  const watch = spawn("/bin/sh", ["-c", SCRIPT], {
    ...{ cwd: "/", env: {}, detached: true },
    stdio: ["pipe", "ignore", "ignore", mountNamespace],
  });
  const gone = once(watch, "exit").catch(() => {
    // Without a shell, only a killed Sifon leaves anything behind.
  });
  const pipe = watch.stdin as Socket;
  pipe.on("error", () => {});
  pipe.unref();
  watch.unref();
  return async () => {
    if (watch.pid === undefined || watch.exitCode !== null) return;
    watch.ref();
    watch.kill("SIGKILL");
    await gone;
  };
}
