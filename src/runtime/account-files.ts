/** Who a container's program is, as /etc/passwd of the host has it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly shell: string;
}

/** A group of the caller; those without an entry on the host are left out. */
export interface AccountGroup {
  readonly name: string;
  readonly gid: number;
}

/**
 * The container's /etc/passwd: the image's bytes, in which the caller's entry gets the home directory of the
 * container; where there is no such entry, one is appended (Apptainer 1.4.5). `insideUid` is who the caller is in the
 * container.
 */
export function passwdFile(
  image: Uint8Array,
  account: Account,
  { home, insideUid = account.uid }: { readonly home: string; readonly insideUid?: number },
): Buffer {
  // Bytes as characters: names and comments of an image need not be UTF-8.
  const text = Buffer.from(image).toString("latin1");
  const own = bytes(home);
  let found = false;
  const lines = text.split("\n").map((line) => {
    const fields = line.split(":");
    if (found || fields.length < 7 || fields[2] !== String(insideUid)) return line;
    found = true;
    fields[5] = own;
    return fields.join(":");
  });
  const kept = lines.join("\n");
  if (found) return Buffer.from(kept, "latin1");
  const { name, uid, gid, gecos, shell } = account;
  return append(kept, [`${bytes(name)}:x:${uid}:${gid}:${bytes(gecos)}:${own}:${bytes(shell)}`]);
}

/**
 * The container's /etc/group: the image's bytes, and a line for each group of the caller: the supplementary ones in
 * the kernel's order, then the account's own where it is not among them.
 */
export function groupFile(image: Uint8Array, account: Account, groups: readonly AccountGroup[]): Buffer {
  const text = Buffer.from(image).toString("latin1");
  return append(
    text,
    groups.map(({ name, gid }) => `${bytes(name)}:x:${gid}:${bytes(account.name)}`),
  );
}

function append(text: string, lines: readonly string[]): Buffer {
  const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return Buffer.from(whole + lines.map((line) => `${line}\n`).join(""), "latin1");
}

const bytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** The caller's entry in the text of a passwd file; undefined where there is none. */
export function findAccount(passwd: string, uid: number): Account | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , id, gid, gecos = "", , shell = ""] = line.split(":");
    if (name === undefined || name === "" || Number(id) !== uid || id === "" || !/^\d+$/.test(gid ?? "")) continue;
    return { name, uid, gid: Number(gid), gecos, shell };
  }
  return undefined;
}

/** The groups of these numbers in the text of a group file, in the order of the numbers. */
export function findGroups(group: string, gids: readonly number[]): AccountGroup[] {
  const names = new Map<number, string>();
  for (const line of group.split("\n")) {
    const [name, , id] = line.split(":");
    if (name !== undefined && /^\d+$/.test(id ?? "") && !names.has(Number(id))) names.set(Number(id), name);
  }
  return gids.flatMap((gid) => {
    const name = names.get(gid);
    return name === undefined ? [] : [{ name, gid }];
  });
}
