import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeSingleQuoted } from "../../src/singularity-d/shell-quote.ts";
import { mustRun, runCommand } from "../support/command.ts";

/** One call of a program: its words and its whole environment. */
export interface Call {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly who: Who;
  readonly stdin?: string;
  /** Its umask in octal, 0022 by default. */
  readonly umask?: string;
  /** A folder of its own; what the call leaves there is listed. */
  readonly own?: string;
  /** A folder, owned by the caller, that the call finds as it was, in the place of which it may leave what it likes. */
  readonly copied?: string;
}

export interface CallResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Name, mode and kind of what is in the call's own folder at its end. */
  readonly left: readonly string[];
}

/** Who calls: the ids, the home directory and the account are those of the stage. */
export type Who = "root" | "user";

/** The accounts of the stage; `user` has a second group, both have subordinate ids. */
const PASSWD = `root:x:0:0:root:/root:/bin/sh
user:x:1000:1000:A User,,,:/home/user:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const GROUP = "root:x:0:\ntty:x:5:\nuser:x:1000:\nproject:x:2000:user\nnogroup:x:65534:\n";
const SUBORDINATE = "root:200000:65536\nuser:100000:65536\n";
const IDS = "--reuid=1000 --regid=1000 --groups=1000,2000";
const WORKERS = 2;

/** Where calls run: the accounts above, home directories with the same files, a mount namespace of its own. */
export interface Stage {
  readonly folder: string;
  /** A wrapper that enters a tree of its own to run the program COMMAND there (.ci/apptainer); none: this host. */
  readonly wrapper?: string;
}

/** Whether a program is a wrapper that enters a tree: it then also makes the tree's ordinary user. */
export async function entersTree(apptainer: string): Promise<boolean> {
  const env = { ...process.env, COMMAND: "/bin/echo", LAB_USER: "1" };
  return (await runCommand(apptainer, ["entered"], { env })).stdout === "entered\n";
}

/** Runs calls on a stage, some at once; the results are in the calls' order. */
export async function runCalls(stage: Stage, calls: readonly Call[]): Promise<CallResult[]> {
  const { folder, wrapper } = stage;
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
  const accounts = { passwd: PASSWD, group: GROUP, subuid: SUBORDINATE, subgid: SUBORDINATE };
  for (const [name, text] of Object.entries(accounts)) await writeFile(join(folder, name), text);
  for (const [index, { stdin }] of calls.entries())
    if (stdin !== undefined) await writeFile(join(folder, `${index}.in`), stdin);
  const workers = Array.from({ length: WORKERS }, (_, worker) => {
    const lines = calls.map((call, index) => (index % WORKERS === worker ? callScript(call, index, folder) : ""));
    return `(\n${lines.filter(Boolean).join("\n")}\n) &`;
  });
  const script = join(folder, "calls.sh");
  await writeFile(script, `${stageScript(folder)}${workers.join("\n")}\nwait\n`);
  const inNamespace = ["--mount", "/bin/sh", script];
  if (wrapper === undefined) await mustRun("unshare", inNamespace);
  else await mustRun(wrapper, inNamespace, { env: { ...process.env, COMMAND: "unshare" } });
  const text = (name: string) => readFile(join(folder, name), "utf8");
  return Promise.all(
    calls.map(async ({ own }, index) => ({
      code: Number(await text(`${index}.code`)),
      stdout: await text(`${index}.out`),
      stderr: await text(`${index}.err`),
      left: own === undefined ? [] : (await text(`${index}.left`)).split("\n").filter(Boolean),
    })),
  );
}

/**
 * Binds accounts and home directories over those of the machine or tree, whose /var/tmp has what others left there, and
 * makes /srv/work, for this namespace alone.
 */
function stageScript(folder: string): string {
  const at = (name: string) => quote(join(folder, name));
  return `set -e
umask 022
mount --make-rprivate /
for name in passwd group subuid subgid; do mount --bind ${at("")}/$name /etc/$name; done
mkdir -p ${at("root")} ${at("user")} /root /home
mount -t tmpfs -o mode=755 tmpfs /home
mkdir /home/user
chown 1000:1000 ${at("user")}
chmod 700 ${at("root")} ${at("user")}
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=755 tmpfs /srv
mkdir /srv/work
echo root >${at("root/of-home")}
echo user >${at("user/of-home")}
mount --bind ${at("root")} /root
mount --bind ${at("user")} /home/user
set +e
`;
}

function callScript(call: Call, index: number, folder: string): string {
  const { words, env, cwd, who, stdin, umask = "022", own, copied } = call;
  const file = (extension: string) => quote(join(folder, `${index}.${extension}`));
  const pairs = Object.entries(env).map(([name, value]) => quote(`${name}=${value}`));
  const become = who === "user" ? [`setpriv ${IDS}`] : [];
  const input = stdin === undefined ? "/dev/null" : file("in");
  const line = [...become, "env", "-i", ...pairs, ...words.map(quote)].join(" ");
  const toRun = `(cd ${quote(cwd)} && umask ${umask} && exec ${line}) <${input} >${file("out")} 2>${file("err")}; echo $? >${file("code")}`;
  if (copied !== undefined) {
    const copy = file("copy");
    const place = quote(copied);
    // In a mount namespace of its own: other calls use the folder at the same time.
    const script = `mount --bind ${copy} ${place} && ${toRun}`;
    return `cp -a ${place} ${copy}; ${who === "user" ? `chown -R 1000:1000 ${copy}; ` : ""}unshare --mount sh -c ${quote(script)}`;
  }
  if (own === undefined) return toRun;
  const owner = who === "user" ? `chown 1000:1000 ${quote(own)}; ` : "";
  // The directory that an overlay works in is the kernel's own matter.
  const list = `(cd ${quote(own)} && find . -mindepth 1 -path ./work -prune -o -printf '%P %M\\n' | LC_ALL=C sort)`;
  return `mkdir -p ${quote(own)}; ${owner}${toRun}; ${list} >${file("left")}`;
}

function quote(word: string): string {
  return `'${escapeSingleQuoted(word)}'`;
}
