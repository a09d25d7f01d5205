/** Why Sifon does not have an option of Apptainer's, and what to do instead; the key is the option without its dashes. */
type Refusals = Readonly<Record<string, string>>;

const LIMITS =
  "Sifon sets no limits. systemd does: systemd-run --user --scope -p MemoryMax=1G -p CPUQuota=200% -p TasksMax=100 sifon …";
const PRIVILEGES =
  "programs of a container get no privileges beyond the caller's, nor can they be given any; --fakeroot makes the caller root inside. Where that does not do, let Apptainer run it";
const GPU =
  "of GPUs Sifon knows NVIDIA's driver alone (--nv). Bind what the program needs (--bind), or let Apptainer run it";
const ENCRYPTION =
  "Sifon neither reads nor writes encrypted containers: let Apptainer do it, or keep the file on an encrypted file system";
const NETWORKS =
  "Sifon makes no networks. To join one that is there, start it inside: nsenter --net=PATH sifon …, or ip netns exec NAME sifon …";

const ACTION: Refusals = {
  ...Object.fromEntries(
    [
      ...["apply-cgroups", "blkio-weight", "blkio-weight-device", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems"],
      ...["memory", "memory-reservation", "memory-swap", "oom-kill-disable", "pids-limit"],
    ].map((name) => [name, LIMITS]),
  ),
  ...Object.fromEntries(
    ["add-caps", "drop-caps", "allow-setuid", "keep-privs", "no-privs", "security"].map((name) => [name, PRIVILEGES]),
  ),
  ...{ nvccli: GPU, rocm: GPU, passphrase: ENCRYPTION, "pem-path": ENCRYPTION },
  ...{ "netns-path": NETWORKS, "network-args": NETWORKS },
  fusemount: "Sifon starts no FUSE programs for the container. Mount it on the host, then --bind the directory",
  sharens: "every container has namespaces of its own. Start one, and the programs in it",
};

const NOT_MOUNTED =
  "what %post and %test see beside the container is fixed. %files copies into it, %setup runs on the host";
const LIBRARY =
  "Sifon fetches nothing from library:// services: take the image from a registry (docker://), or pull it with Apptainer";
const CLEANUP =
  "a build that fails leaves nothing behind to look at. Build a sandbox (--sandbox) without the part that fails, and go on in it: sifon shell --writable DIR";

const BUILD: Refusals = {
  ...{ bind: NOT_MOUNTED, mount: NOT_MOUNTED, "writable-tmpfs": NOT_MOUNTED },
  nv: "scripts of a build see no GPU. Leave it out; --nv of run, exec, shell and test binds the driver",
  ...{ nvccli: GPU, rocm: GPU, passphrase: ENCRYPTION, "pem-path": ENCRYPTION, encrypt: ENCRYPTION },
  ...{ library: LIBRARY, "no-cleanup": CLEANUP },
  "mksquashfs-args":
    "Sifon writes SquashFS itself. --compression, --block-size, --workers, --memory, --fast and --best are there",
};

const PULL: Refusals = {
  library: LIBRARY,
  "no-cleanup": CLEANUP,
  sandbox: "pull makes SIFs. For a directory: sifon build --sandbox DIR URI",
};

/** By command. */
export const REFUSED_OPTIONS: Readonly<Record<string, Refusals>> = {
  ...{ run: ACTION, exec: ACTION, shell: ACTION, test: ACTION },
  ...{ build: BUILD, pull: PULL },
};

/** One-letter forms of them. */
const SHORT: Readonly<Record<string, Refusals>> = { build: { B: "bind", e: "encrypt" } };

/**
 * What is said of an option, as it was typed, that Apptainer's command of that name has and Sifon's has not; undefined
 * where Apptainer has none either.
 */
export function refusalOf(command: string, option: string): string | undefined {
  const word = option.replace(/=.*/s, "");
  const name = word.startsWith("--") ? word.slice(2) : SHORT[command]?.[word.slice(1, 2)];
  const table = REFUSED_OPTIONS[command];
  if (name === undefined || table === undefined || !Object.hasOwn(table, name)) return undefined;
  return `${command} --${name}: ${table[name]}`;
}
