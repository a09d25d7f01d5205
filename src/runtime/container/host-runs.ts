import { readdirSync, readFileSync } from "node:fs";

/** Architectures that processors of another one run as well. */
const ALSO_RUN: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };
/** QEMU's names, as binfmt_misc has them, where they are not Go's. */
const QEMU_NAMES: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  386: "i386",
  arm64: "aarch64",
  mips64le: "mips64el",
  mipsle: "mipsel",
};

/** Whether this host runs programs of an architecture (GOARCH names); `unknown` is given the benefit of the doubt. */
export function hostRuns(architecture: string, host: string): boolean {
  if (architecture === host || architecture === "unknown" || ALSO_RUN[host] === architecture) return true;
  return hasEmulator(QEMU_NAMES[architecture] ?? architecture);
}

/** An emulator that the kernel has open (flag F) is there in containers, too. */
function hasEmulator(name: string): boolean {
  const folder = "/proc/sys/fs/binfmt_misc";
  try {
    return readdirSync(folder).some((entry) => {
      if (entry !== `qemu-${name}`) return false;
      const text = readFileSync(`${folder}/${entry}`, "utf8");
      return /^enabled$/m.test(text) && /^flags: .*F/m.test(text);
    });
  } catch {
    return false;
  }
}
