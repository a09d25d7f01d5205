import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apptainerDoes, folder, make, ready, rootOf, unsquashfs } from "./busybox-image.ts";

/** Image-dependent texts of ours and of Apptainer, which need not be equal. */
const OWN_TEXTS = [
  "actions/exec",
  "actions/run",
  "actions/shell",
  "actions/start",
  "actions/test",
  "env/01-base.sh",
  "env/10-docker2singularity.sh",
  "env/90-environment.sh",
  "env/95-apps.sh",
  "env/99-base.sh",
  "env/99-runtimevars.sh",
  "runscript",
  "startscript",
  "labels.json",
];

describe.skipIf(!ready)("container files beside Apptainer's", () => {
  const config = {
    env: ["FOO=a b", "PATH=/opt/x:/bin", "LONE=\ud800x"],
    Cmd: ["hello", ""],
    Entrypoint: ["/bin/printf", "it's", ""],
    Labels: {
      "a<b": "c&d\te\b\f\u0001\u007f\u2028\né",
      "\ue000": "p",
      "😀": "smile",
      "org.label-schema.schema-version": "9",
    },
    Healthcheck: { Test: ["CMD", "x"], Interval: 30_000_000_000, StartInterval: 5 },
    Hostname: "",
    Tty: false,
    Volumes: { "/v": { z: 1 }, "/a": {} },
    ExposedPorts: { "80/tcp": {} },
    Memory: 5,
    User: "1:2",
    WorkingDir: "/w",
    StopSignal: "SIGTERM",
    Shell: ["/bin/sh", "-c"],
    OnBuild: [],
    ArgsEscaped: true,
  };
  const furnished = rootOf({
    ".singularity.d/Singularity": { file: "old definition\n" },
    ".singularity.d/bootstrap_history/x": { file: "kept" },
    ".singularity.d/labels.json": { file: '{"old":"label"}' },
    ".singularity.d/test": { file: "#!/bin/sh\necho test\n\n\n" },
    ".singularity.d/runscript.help": { file: Buffer.from("help \xff\n\n", "latin1") },
    ".singularity.d/startscript": { file: "old\n", mode: 0o600, uid: 7 },
    ".singularity.d/env/10-docker.sh": { file: "export N2=1\n" },
    ".singularity.d/env/50-user.sh": { file: "export FIFTY=1\n" },
    ".singularity.d/env/90-environment.sh": { file: "old\n", mode: 0o600 },
    ".singularity.d/env/91-environment.sh": { file: "export N1=1\n" },
    "etc/hosts": { link: "hosts.real" },
    "etc/hosts.real": { file: "127.0.0.1 x\n", mode: 0o600, uid: 5 },
    "etc/resolv.conf": { file: "nameserver 1.1.1.1\n" },
    environment: { file: "mine\n" },
    tmp: { dir: 0o1777 },
    "scif/apps/foo/scif/runscript": { file: '#!/bin/sh\necho app foo "$SCIF_APPNAME" "$@"\n', mode: 0o755 },
    "scif/apps/foo/scif/test": { file: "#!/bin/sh\necho app test\n", mode: 0o755 },
    "scif/apps/foo/scif/runscript.help": { file: "app help\n" },
    "scif/apps/foo/scif/startscript": { file: "app start\n" },
    "scif/apps/foo/scif/labels.json": { file: '{"b":"2","a":"<1>"}' },
    "scif/apps/foo/scif/env/01-base.sh": { file: "export SCIF_APPNAME=foo\n" },
    "scif/apps/foo/scif/env/90-environment.sh": { file: "export A=1\n" },
    "scif/apps/bar/scif/labels.json": { file: '{"b":2}' },
    "scif/apps/empty/scif": { dir: 0o755 },
    "scif/apps/bare": { dir: 0o755 },
    "scif/apps/.hidden/scif": { dir: 0o755 },
    "scif/apps/file": { file: "" },
  });

  const dump = (sif: string, id: number): string => apptainerDoes(["sif", "dump", String(id), sif]).stdout;

  /** Mode, owner, path and link target of everything in the partition. */
  function listing(sif: string): string[] {
    const offset = /\|(\d+)-\d+ +\|FS/.exec(apptainerDoes(["sif", "list", sif]).stdout)![1]!;
    const text = execFileSync(unsquashfs!, ["-lln", "-d", "", "-o", offset, join(folder, sif)], { encoding: "utf8" });
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/^(\S+) (\S+) +\d+ \S+ \S+ /, "$1 $2 "));
  }

  it.each([
    ["a plain image", rootOf()],
    ["an image with files of a former container and apps", furnished],
  ])("%s: same paths, modes, owners and link targets", async (_what, root) => {
    const { ours, theirs } = await make(config, root, { withTheirs: true });
    expect(listing(ours)).toEqual(listing(theirs));
  });

  it.each([
    ["a plain image", rootOf()],
    ["an image with files of a former container and apps", furnished],
  ])("%s: same contents, but for texts of our own", async (_what, root) => {
    const { ours, theirs } = await make(config, root, { withTheirs: true });
    const paths = listing(ours)
      .filter((line) => line.startsWith("-"))
      .map((line) => line.split(" ")[2]!.slice(1))
      .filter((path) => !path.startsWith("bin/") && !OWN_TEXTS.includes(path.replace(".singularity.d/", "")));
    const read = (sif: string): string =>
      apptainerDoes(["exec", "--no-mount", "bind-paths,tmp", sif, "/bin/sh", "-c", SHOW, "sh", ...paths]).stdout;
    const SHOW =
      'for f in "$@"; do [ "$f" = etc/resolv.conf ] || [ "$f" = etc/passwd ] || [ "$f" = etc/group ] || { echo "== $f"; /bin/cat "/$f"; }; done';
    expect(paths).toContain(".singularity.d/Singularity");
    expect(read(ours)).toBe(read(theirs));
  });

  it("same oci-config.json, byte for byte", async () => {
    const odd =
      '{"Cmd":["a"],"cmd":["b",null],"Env":["A=1"],"ENV":null,"Healthcheck":{},"Labels":{},"Volumes":null,"User":null}';
    for (const text of [config, odd, "{}"]) {
      const { ours, theirs } = await make(text, rootOf(), { withTheirs: true });
      expect(dump(ours, 3)).toBe(dump(theirs, 3));
    }
  });

  it("same definition and inspect-metadata.json, but for named members", async () => {
    const { ours, theirs } = await make(config, furnished, { withTheirs: true });
    expect(dump(ours, 1)).toBe(dump(theirs, 1));
    const [mine, other] = [dump(ours, 2), dump(theirs, 2)];
    /** The text with what may differ replaced: scripts of our own, the build date, our label. */
    const common = (text: string): string =>
      text
        .replace(
          /("\/\.singularity\.d\/env\/(?:10-docker2singularity|90-environment)\.sh":)"(?:[^"\\]|\\.)*"/g,
          "$1OWN",
        )
        .replace(/("(?:runscript|startscript)":)"#!\/bin\/sh\\n(?:OCI|#)(?:[^"\\]|\\.)*"/g, "$1OWN")
        .replace(/("org\.label-schema\.build-date":)"[A-Z][a-z]+_\d+_[A-Z][a-z]+_\d{4}_\d+:\d+:\d+_UTC"/, "$1DATE")
        .replace(/"sifon\.source\.digest":"sha256:(ab){32}",?/, "");
    expect(common(mine)).toBe(common(other));
  });

  it("inspect and run-help say the same", async () => {
    const { ours, theirs } = await make(config, furnished, { withTheirs: true });
    const commands = [
      ["inspect", "--deffile"],
      ["inspect", "--list-apps"],
      ["inspect", "--test"],
      ["inspect", "--helpfile"],
      ["inspect", "--app", "foo", "--environment", "--runscript", "--startscript", "--test", "--helpfile"],
      ["inspect", "--app", "foo", "--json", "--labels"],
      ["inspect", "--app", "foo", "--labels"],
      ["run-help"],
    ];
    for (const command of commands) {
      const [mine, other] = [ours, theirs].map((sif) => apptainerDoes([...command, sif]));
      expect([command, mine]).toEqual([command, other]);
    }
  });

  it("apps and tests run the same", async () => {
    const { ours, theirs } = await make(config, furnished, { withTheirs: true });
    const commands = [
      ["run", "--app", "foo"],
      ["test", "--app", "foo"],
      ["exec", "--app", "foo"],
      ["run", "--app", "nosuch"],
      ["test"],
    ];
    for (const [verb, ...flags] of commands) {
      const [mine, other] = [ours, theirs].map((sif) => apptainerDoes([verb!, ...flags, sif, "/bin/true"]));
      expect([verb, flags, mine]).toEqual([verb, flags, other]);
    }
  });

  it("action scripts do in a plain shell what the runtime does itself", async () => {
    const { ours } = await make({ ...config, Entrypoint: ["/bin/printf", "<%s>"], Cmd: ["x y"] }, furnished);
    const output = (...command: readonly string[]): string => {
      const { stdout, stderr } = apptainerDoes(["exec", ours, ...command]);
      return stdout + stderr;
    };
    const actions = "/.singularity.d/actions";
    expect(output("/bin/sh", "-c", `unset FOO; exec ${actions}/exec /bin/sh -c 'echo $FOO $N1 $FIFTY'`)).toBe(
      "a b 1 1\n",
    );
    expect(output(`${actions}/run`)).toBe("<x y>");
    expect(output(`${actions}/run`, "q")).toBe("<q>");
    expect(output("/bin/env", "SINGULARITY_APPNAME=foo", `${actions}/run`, "q")).toBe("app foo foo q\n");
    expect(output("/bin/env", "SINGULARITY_APPNAME=foo", `${actions}/test`)).toBe("app test\n");
    expect(output("/bin/env", "SINGULARITY_APPNAME=bar", `${actions}/run`)).toBe(
      "No Apptainer runscript for contained app: bar\n",
    );
    expect(output("/bin/env", "SINGULARITY_APPNAME=bar", `${actions}/test`)).toBe("No tests for contained app: bar\n");
    expect(output("/bin/env", "SINGULARITY_APPNAME=nosuch", `${actions}/run`)).toBe(
      "Could not locate the container application: nosuch\n",
    );
    expect(output(`${actions}/test`)).toBe("No test found in container, executing /bin/sh -c true\n");
    expect(output(`${actions}/shell`, "-c", 'echo "$SHELL"')).toBe("/bin/sh\n");
    expect(output("/bin/env", "SINGULARITY_SHELL=/bin/printf", `${actions}/shell`, "own")).toBe("own");
  });
});
