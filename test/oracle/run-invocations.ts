import { IMAGE_NAMES, type ImageName } from "./run-images.ts";
import { type Invocation, MATRIX, MATRIX_IMAGES } from "./run-matrix.ts";

/** One comparison. */
export interface Row extends Invocation {
  readonly image: ImageName;
}

const sh = (text: string) => ["sh", "-c", text];
const at =
  (image: ImageName) =>
  (before: string[], after?: string[], more: Partial<Invocation> = {}): Row => ({
    ...{ image, before },
    ...(after === undefined ? {} : { after }),
    ...more,
  });
const on = at("environment");
const app = at("apps and sections");

const OF_MOUNTS: readonly Row[] = [
  on(["exec", "-B", "SHARED/data:/mnt/new/x"], sh("cat /mnt/new/x/file; ls /mnt; echo $APPTAINER_BIND")),
  on(["exec", "-B", "SHARED/data/file:/etc/passwd,SHARED/data/file:/etc/group:ro"], sh("cat /etc/passwd /etc/group")),
  on(["exec", "--dns", "192.0.2.1, ::1"], ["cat", "/etc/resolv.conf"]),
  on(["exec", "--dns", "192.0.2.1,x"], ["cat", "/etc/resolv.conf"]),
  on(
    ["exec", "-B", "SHARED/data/file:/etc/resolv.conf", "--hostname", "box"],
    sh("cat /etc/resolv.conf /etc/hostname"),
  ),
  on(["exec", "-B", "SHARED/data:/mnt/a b:ro,SHARED/data/file:/opt/plain"], sh("touch '/mnt/a b/x' || cat /opt/plain")),
  on(["exec", "-B", "SHARED/data:/opt/link"], sh("ls /opt/target")),
  on(["exec", "--mount", "type=bind,source=SHARED/data,destination=/mnt/m,ro"], sh("cat /mnt/m/file; touch /mnt/m/x")),
  on(["exec"], sh("cat /mnt/e/file; echo $APPTAINER_BIND"), { env: { APPTAINER_BIND: "SHARED/data:/mnt/e" } }),
  // What a mount lacks is made in it: on the host, in memory.
  on(
    ["exec", "-B", "OWN:/mnt/x,SHARED/data:/mnt/x/a/b,SHARED/data/file:/mnt/x/c/../d/e"],
    sh("cat /mnt/x/a/b/file /mnt/x/d/e; ls -l /mnt/x | cut -c1-10"),
  ),
  on(["exec", "-B", "SHARED/data:OWN/new", "--scratch", "OWN/s/t"], sh("ls -A $APPTAINER_BIND")),
  on(
    ["exec", "--contain", "-B", "SHARED/data:/tmp/a/b,SHARED/data/file:/tmp/d/e"],
    sh("find /tmp; ls -l /tmp | cut -c1-10"),
  ),
  on(["exec", "-B", "SHARED/data:/proc/new"], sh("echo ran")),
  on(["exec", "-B", "/nonexistent"], sh("echo ran")),
  on(["exec", "-B", "/nonexistent:/opt"], sh("echo ran")),
  // The first one stands; blanks and empty pieces are nothing.
  on(["exec", "-B", " SHARED/data::/mnt/x ,:,OWN:/mnt/x"], sh("ls /mnt/x; echo $APPTAINER_BIND"), {
    env: { APPTAINER_BIND: "OWN:/mnt/x" },
  }),
  on(["exec", "-B", "SHARED/data:/x:bad"], sh("echo ran")),
  on(
    ["exec", "--contain"],
    sh("ls -A /tmp /var/tmp; ls -l /dev | cut -c1-10,57-; pwd; touch /tmp/x ~/x && echo wrote"),
  ),
  on(["exec", "--contain", "--workdir", "OWN"], sh("echo w >/tmp/w; cat /tmp/w; ls -A /var/tmp")),
  on(["exec", "--compat"], sh("touch /new && echo wrote; umask; pwd")),
  on(["exec", "--no-mount", "tmp,home"], sh("ls -A /tmp; ls -A /root")),
  on(["exec", "--writable-tmpfs"], sh("echo x >/opt/new && cat /opt/new; rm /opt/plain; ls /opt")),
  on(["exec"], sh("touch /opt/new; echo $?")),
  on(["exec", "--overlay", "OWN"], sh("echo new >/new; rm /opt/plain; cat /new; ls /opt")),
  on(["exec", "--overlay", "SHARED/overlay:ro"], sh("cat /kept; ls /opt; touch /new")),
  on(["exec", "--overlay", "OWN,SHARED/overlay:ro"], sh("cat /kept; echo new >/new && cat /new")),
  on(["exec", "--overlay", "OWN", "--writable"], sh("echo ran")),
  on(["exec", "--scratch", "/scratch/a"], sh("ls -A /scratch/a; touch /scratch/a/x && ls /scratch/a")),
  on(
    ["exec", "--home", "SHARED/data:/home/x"],
    sh("echo $HOME; ls ~; touch ~/file; tail -n 1 /etc/passwd | cut -d: -f6"),
  ),
  on(["exec"], sh("ls -a / /.singularity.d /.singularity.d/env")),
];

const OF_PROCESSES: readonly Row[] = [
  on(["exec", "--cwd", "/nonexistent"], ["pwd"]),
  // Not $0, which Apptainer makes absolute: bubblewrap starts a program by the name that it shows.
  on(["exec", "--pwd", "/opt"], ["./no-shebang", "a"]),
  on(["exec"], ["/opt/no-shebang", "a b"]),
  on(["exec", "--pid"], sh("test $$ -lt 20 && echo small; ls /proc | grep -c '^[0-9]' | grep -v '^..'  | wc -l")),
  on(["exec"], sh("kill -TERM $$")),
  on(["exec"], ["/nonexistent"]),
  on(["exec"], ["/etc/passwd"]),
  on(["exec"], ["/opt"]),
  on(["exec"], ["cat"], { stdin: "through\nstdin" }),
  on(["run"], ["printf", "%s|", 'a"b']),
  at("neither")(["run"], [], { stdin: 'echo "shell $0 $FOO"; exit 3\n' }),
  at("no shell")(["exec"], ["/bin/sh"]),
  at("set-uid files")(["exec"], sh("id -u; /opt/setuid/id -u; /opt/setgid/id -g; stat -c %A /opt/secret")),
  app(["run-help", "--app", "foo"]),
  app(["test", "--app", "foo"], []),
  app(["exec", "--app", "foo"], ["/probe/probe"]),
  app(["run", "--app", "none"], []),
];

const SANDBOX = { form: "sandbox" } as const;
const OF_FORMS: readonly Row[] = [
  on(["run"], [], SANDBOX),
  on(["exec"], ["/probe/probe"], SANDBOX),
  on(["exec", "--contain", "-B", "SHARED/data:/mnt/new/x"], ["/probe/probe"], SANDBOX),
  on(["exec", "--writable-tmpfs"], sh("echo new >/new; cat /new"), SANDBOX),
  // What is written stays: each program has a copy of its own.
  on(["exec", "--writable"], ["/probe/probe"], SANDBOX),
  on(["exec", "--writable"], sh("echo new >/new; rm /opt/plain; cat /new; ls /opt /etc"), SANDBOX),
  on(["exec", "--writable", "-B", "SHARED/data:/mnt/new/x"], sh("ls /mnt/new/x"), SANDBOX),
  on(["exec", "--writable", "-B", "SHARED/data:/opt"], sh("ls /opt"), SANDBOX),
  on(["exec", "--writable"], sh("echo ran")),
  on(["run"], [], { form: "sqfs" }),
  on(["exec", "--writable"], sh("echo ran"), { form: "sqfs" }),
  on(["exec"], ["/probe/probe"], { form: "sqfs" }),
];

/** SHARED/files.sqfs is the image's file system; SHARED/data.sif has it twice: its root (4) and a partition for data (5). */
const OF_IMAGE_BINDS: readonly Row[] = [
  on(
    ["exec", "-B", "SHARED/files.sqfs:/mnt/i:image-src=/opt"],
    sh("ls -ld /mnt/i; ls -l /mnt/i; cat /mnt/i/plain; touch /mnt/i/x"),
  ),
  on(["exec", "-B", "SHARED/files.sqfs:/mnt/new/f:ro,image-src=/opt/plain"], sh("cat /mnt/new/f; touch /mnt/new/f")),
  on(["exec", "-B", "SHARED/files.sqfs:/a:image-src=/opt/link,SHARED/files.sqfs:/b:image-src=/probe"], sh("ls /a /b")),
  on(["exec", "-B", "SHARED/data.sif:/mnt/i:image-src=/opt"], sh("ls -ld /mnt/i; ls -l /mnt/i; touch /mnt/i/x")),
  on(["exec", "-B", "SHARED/data.sif:/opt:id=5"], ["/opt/probe/sh", "-c", "ls /opt; pwd"]),
  on(
    ["exec", "--mount", "type=bind,src=SHARED/data.sif,dst=/opt/plain,image-src=/etc/group,id=4"],
    ["cat", "/opt/plain"],
  ),
  on(["exec", "--mount", "type=bind,source=SHARED/files.sqfs,destination=/mnt/i,ro,image-src=/opt"], ["ls", "/mnt/i"]),
  on(["exec", "--contain", "-B", "SHARED/files.sqfs:/tmp/i:image-src=/opt"], ["ls", "/tmp/i"]),
  on(["exec", "-B", "SHARED/root.sif:/mnt/i:image-src=/opt"], ["ls", "/mnt/i"]),
  on(["exec", "-B", "SHARED/data.sif:/mnt/i:image-src=/,id=1"], ["ls", "/mnt/i"]),
  on(["exec", "-B", "SHARED/files.sqfs:/mnt/i:image-src=/none"], ["ls", "/mnt/i"]),
  on(["exec", "-B", "SHARED/data:/mnt/i:image-src=/opt"], ["ls", "/mnt/i"]),
  on(["exec", "-B", "SHARED/none:/mnt/i:image-src=/opt"], ["ls", "/mnt/i"]),
];

/** Every image of the matrix in every way, what is special in one of them, and `run` of the others. */
export const ROWS: readonly Row[] = [
  ...MATRIX_IMAGES.flatMap((image) => MATRIX.map((invocation) => ({ image, ...invocation }))),
  ...IMAGE_NAMES.filter((image) => !MATRIX_IMAGES.includes(image)).flatMap((image) => [
    at(image)(["run"], []),
    at(image)(["run"], ["/bin/printf", "[%s]", "a  b", "-n", ""]),
    at(image)(["run", "--no-eval"], ["/printf", "[%s]", "$HOME"]),
    at(image)(["shell"], []),
  ]),
  ...OF_FORMS,
  ...OF_MOUNTS,
  ...OF_PROCESSES,
  ...OF_IMAGE_BINDS,
];
