import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer, runApptainer, startApptainer } from "../support/apptainer.ts";
import { makeLayer } from "../support/registry-image.ts";
import { sifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const apptainer = findApptainer();
const busybox = requireTool("busybox", "busybox-static");
const ready = [apptainer, busybox, requireTool("mksquashfs", "squashfs-tools")].every((tool) => tool !== undefined);
const folder = ready ? mkdtempSync(join(tmpdir(), "sifon-inspect-oracle-")) : "";
afterAll(() => ready && rmSync(folder, { recursive: true, force: true }));

const DEFINITION = `Bootstrap: localimage
From: root

%help
This is <help> & "more".

%labels
Maintainer me and you
B second "quoted" \u00e9

%environment
export FOO="bar baz"

%runscript
echo running "$@"

%startscript
echo start

%test
true
`;

/**
 * Labels that JSON and terminals take amiss, and first lines that name interpreters. Apps come with the root: for
 * sections of theirs Apptainer runs a script, which not every machine lets it.
 */
const ODD_DEFINITION = `Bootstrap: localimage
From: root

%help
  indented

after an empty line

%labels
A.B/c-d <&>'"
Empty
Tab\tvalue with   spaces
Ümlaut  é

%environment
export Q='a "b"' EMPTY=

%runscript
#!/bin/cat -n
exec "$@"

%startscript
#!/bin/sh -e
echo started

%test -c /bin/sh
exit 0
`;

const APP_FILES = {
  "scif/apps/foo/scif/runscript": "#!/bin/sh\necho app foo\n\n\n",
  "scif/apps/foo/scif/labels.json": '{"Z":"last","Version":"1 <x>"}',
  "scif/apps/foo/scif/env/90-environment.sh": "export A=1\n",
  "scif/apps/foo/scif/env/94-appsbase.sh": "no\n",
  "scif/apps/foo/scif/runscript.help": "help\n",
  "scif/apps/foo/scif/startscript": "start",
  "scif/apps/foo/scif/test": "test\n",
  "scif/apps/bar/scif/test": "#!/bin/sh\n",
  "scif/apps/bare/file": "",
};

const OPTIONS = [
  [],
  ["-l"],
  ["-d"],
  ["-r"],
  ["-s"],
  ["-t"],
  ["-r", "-s", "-t"],
  ["-e"],
  ["-H"],
  ["--list-apps"],
  ["--labels", "--deffile"],
  ["--runscript", "--startscript", "--test", "--environment", "--helpfile", "--json"],
  ["--json"],
  ["--all"],
  ["--all", "--app", "foo"],
  ["-l", "-d", "-r", "-e", "-s", "-t", "-H", "--list-apps"],
  ["-j", "-r", "-t", "-e"],
  ["-j", "--list-apps"],
  ["--app", "foo"],
  ["--app", "foo", "-r", "-e", "-l", "-H", "-s", "-t", "--list-apps", "-d"],
  ["--app", "foo", "--list-apps"],
  ["--app", "foo", "-d"],
  ["-j", "--app", "foo"],
  ["-j", "--app", "foo", "-d"],
  ["-j", "--app", "bar", "-l", "-t"],
  ["--app", "nosuch"],
  ["-j", "--app", "nosuch"],
  ["-j", "--list-apps", "--app", "nosuch"],
] as const;

function must(...args: readonly string[]): void {
  const { status, stderr } = runApptainer(apptainer!, args, { cwd: folder });
  if (status !== 0) throw new Error(`apptainer ${args.join(" ")}: ${stderr}`);
}

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), content);
}

describe.skipIf(!ready)("inspect beside Apptainer", () => {
  beforeAll(async () => {
    for (const [path, text] of Object.entries(APP_FILES)) put(`root/${path}`, text);
    put("root/.singularity.d/placeholder", "");
    // Where a SIF says nothing of itself Apptainer runs a shell in the container.
    for (const name of ["sh", "cat"]) {
      put(`root/bin/${name}`, readFileSync(busybox!));
      chmodSync(join(folder, `root/bin/${name}`), 0o755);
    }
    put("image.def", DEFINITION);
    must("build", "--notest", "theirs.sif", "image.def");
    must("build", "--notest", "--sandbox", "sandbox", "image.def");
    must("build", "plain.sif", "root");
    execFileSync("cp", ["-a", join(folder, "theirs.sif"), join(folder, "bare.sif")]);
    must("sif", "del", "2", "bare.sif");
    execFileSync("cp", ["-a", join(folder, "bare.sif"), join(folder, "barer.sif")]);
    must("sif", "del", "1", "barer.sif");
    execFileSync("mksquashfs", [join(folder, "sandbox"), join(folder, "image.squashfs"), "-quiet", "-no-progress"], {
      stdio: "ignore",
    });
    const labels = { "a<b": "c&d\te\u2028\n\u00e9", "org.label-schema.schema-version": "9" };
    const config = { Labels: labels, Env: ["FOO=a b", 'Q="$x"'], Entrypoint: ["/bin/printf", "it's"] };
    await makeSif(join(folder, "ours.sif"), { layers: [await makeLayer(APP_FILES)], config });
    await makeSif(
      join(folder, "ours-lz4.sif"),
      { config: { Cmd: ["x"] } },
      { compression: { kind: "lz4", level: "fast" } },
    );
    put("odd/.singularity.d/labels.json", '{"n":1,"a":null,"z":"ok\\nnewline"}');
    put("odd/.singularity.d/runscript", Buffer.from("a\0b\xff\n\n", "latin1"));
    put("odd/.singularity.d/test/file", "");
    put("odd/.singularity.d/env/92-environment.sh", "");
    mkdirSync(join(folder, "empty"));
    put("odd.def", ODD_DEFINITION);
    must("build", "--notest", "odd.sif", "odd.def");
  });

  it.each([
    "theirs.sif",
    "odd.sif",
    "plain.sif",
    "bare.sif",
    "barer.sif",
    "image.squashfs",
    "sandbox",
    "ours.sif",
    "ours-lz4.sif",
    "odd",
    "empty",
    "nosuch",
    "image.def",
  ])("prints the same of %s with every option", async (image) => {
    for (const options of OPTIONS) {
      const words = ["inspect", ...options, image];
      const [theirs, { code: status, stdout, stderr }] = await Promise.all([
        startApptainer(apptainer!, words, { cwd: folder }),
        sifon(words, { cwd: folder }),
      ]);
      expect({ options, status, stdout, stderr }).toEqual({ options, ...theirs });
    }
  });
});
