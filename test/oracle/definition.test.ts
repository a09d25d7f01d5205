import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { compareImages } from "../../src/image/compare.ts";
import { openLocalImage } from "../../src/image/local-image.ts";
import { smallTree } from "../singularity-d/small-tree.ts";
import { mustSifon } from "../support/sifon.ts";
import { apptainerDoes, folder, ready, rootOf } from "./busybox-image.ts";
import { writeOciLayout } from "./oci-layout.ts";

// Definitions without scripts, built by Sifon and by Apptainer: their trees and what `inspect --all` says of them.
// What may differ is listed here, each with the decision that it comes from; all else is a failure.

/** Texts of our own for files that every container has: they do the same in other words. */
const OWN_WORDS =
  /^\.singularity\.d\/(?:actions\/\w+|env\/(?:01-base|90-environment|95-apps|99-base|99-runtimevars)\.sh)$/;

interface Case {
  readonly name: string;
  readonly text: string;
  /** Options of both builders. */
  readonly args?: readonly string[];
  /** Further paths whose contents differ, and why. */
  readonly differs?: Readonly<Record<string, string>>;
}

const BASE = "Bootstrap: oci\nFrom: base\n";
/** The generated runscript of an image is the same program in other words. */
const GENERATED = { ".singularity.d/runscript": "own words for ENTRYPOINT and CMD" };
const START = { ".singularity.d/startscript": "own words where nothing is started" };
const PLAIN = { ...GENERATED, ...START };

const CASES: readonly Case[] = [
  { name: "a header alone", text: BASE, differs: PLAIN },
  {
    name: "comments, continued values, keywords in any case",
    text: "# first\n\nBOOTSTRAP: oci # agent\n# no\nfrom: ba\\\n  se\nMirrorURL: http://x/y:z\\n\\\nb\n",
    differs: PLAIN,
  },
  { name: "carriage returns", text: `${BASE}\n%help\n  a\n  b\n`.replaceAll("\n", "\r\n"), differs: PLAIN },
  {
    name: "%files: names, wildcards, quotes, directories",
    text: `${BASE}
%files
  # nothing
  plain.txt
  plain.txt /opt/renamed
  program.sh /opt/deep/down/
  *.txt /globbed/
  [a-p]*.{txt,sh} /set/
  "with blank/a b.txt" "/with blank/"
  "with blank/*" /globbed2/
  tree /tree-new
  tree /opt
  tree/. /opt/dot
  plain.txt /link/through
  plain.txt /bin/kept
  plain.txt /proc/self/root/etc/inside
  plain.txt /proc/self/root/../../../../up
  tree/loose /etc/group
`,
    differs: PLAIN,
  },
  {
    name: "%environment twice, %runscript with an interpreter and arguments",
    text: `${BASE}\n%environment\n  export A=1\n\n%runscript -x\n#!/bin/sh -e\n  echo "$A" "$@"\n\n%environment\nexport B="\${A}2"\n`,
    differs: START,
  },
  {
    name: "%startscript, %runscript, %test as text",
    text: `${BASE}\n%startscript\n\n  exec sleep 1\n%runscript\n  exec echo "$@"\n%test\n  #!/bin/sh\n  true\n`,
  },
  {
    name: "%labels: new, of the image, of the schema, without a value; %help",
    text: `${BASE}\n%labels\n  # no\n  Author  Jane Doe \n  Empty\n  IMAGE mine\n  org.label-schema.schema-version 9\n  A<b c&d\n%help\n\n  Read me\n\n`,
    differs: PLAIN,
  },
  {
    name: "%labels and %help with --force",
    text: `${BASE}\n%labels\n  IMAGE mine\n  org.label-schema.schema-version 9\n%help\n  Read me\n`,
    args: ["--force"],
    differs: PLAIN,
  },
  {
    name: "%arguments and build arguments",
    text: "Bootstrap: oci\nFrom: {{ NAME }}\n\n%arguments\n  # NAME=no\n  NAME=nosuch\n  WHO={{ FIRST }} Doe\n  FIRST=Jo\n\n%labels\n  Who {{WHO}}\n  # {{ NOT }}\n%runscript\n  echo {{ NAME }}\n",
    args: ["--build-arg", "NAME=base", "--build-arg-file", "values.args"],
    differs: START,
  },
  {
    name: "empty sections",
    text: `${BASE}\n%runscript\n%environment\n%labels\n%help\n%files\n%startscript\n`,
    differs: PLAIN,
  },
  { name: "IncludeCmd", text: `${BASE}IncludeCmd: yes\n`, differs: PLAIN },
  {
    name: "two stages, files, directories and links from the first",
    text: `${BASE}Stage: one\n\n%files\n  plain.txt /made/a.txt\n  tree /made/tree\n  program.sh /made/bin/\n\nBootstrap: oci\nFrom: base\n\n%files from one\n  /made/a.txt\n  /made/* /got/\n  /made/tree /whole\n  /bin/sh /opt/shell\n  bin/id /got/\n  /link /got/\n%files\n  plain.txt /host.txt\n%runscript\n  true\n`,
    differs: START,
  },
  {
    name: "a SIF as the base",
    text: "Bootstrap: localimage\nFrom: base.sif\n%labels\n  New label\n%environment\n  export N=1\n",
    differs: PLAIN,
  },
  {
    name: "a SIF with its help and labels as the base",
    text: "Bootstrap: localimage\nFrom: helped.sif\n%labels\n  Author other\n%help\n  other\n%runscript\n  new\n",
  },
  {
    name: "nothing as the base",
    text: "Bootstrap: scratch\n%files\n  plain.txt /\n  program.sh /bin/\n%runscript\n  echo\n%labels\n  A b\n",
    differs: START,
  },
  {
    name: "apps",
    text: `${BASE}
%apprun foo
  exec echo foo "$@"
%appenv foo
  export FOO=1
%applabels foo
  Maintainer Jane
  SCIF_APP_NAME other
%appfiles foo
  plain.txt
  plain.txt bin/x
%apphelp foo
  Help
%apptest foo
  true
%appstart foo
  true
%apprun b2
  exec echo
%runscript
  true
`,
    differs: START,
  },
  {
    name: "an app whose name no variable can have",
    text: `${BASE}\n%apprun foo-bar\n  echo\n%runscript\n  true\n`,
    differs: { ...START, ".singularity.d/env/94-appsbase.sh": "paths with the app's name in place of the variable's" },
  },
  {
    name: "--section",
    text: `${BASE}\n%labels\n  A b\n%files\n  plain.txt /x\n%runscript\n  true\n`,
    args: ["--section", "files,runscript"],
    differs: START,
  },
];

const LABELS_OF_OURS = new Set(["sifon.source.digest", "org.label-schema.build-date"]);
/** The machine's Apptainer may only build definitions as an ordinary user. */
const USER = { LAB_USER: "1" };

describe.skipIf(!ready)("definitions beside Apptainer's", () => {
  beforeAll(async () => {
    chmodSync(folder, 0o777);
    const { tree, contents } = await smallTree(
      rootOf({ link: { link: "opt/real" }, "opt/real/x": { file: "x" }, "bin/kept": { file: "old\n", mode: 0o700 } }),
    );
    const config = {
      Cmd: ["echo", "cmd"],
      Entrypoint: ["/bin/echo", "entry"],
      Env: ["PATH=/bin", "E=1"],
      Labels: { IMAGE: "its" },
    };
    await writeOciLayout(join(folder, "base"), tree, contents, JSON.stringify(config));
    const put = (path: string, text: string, mode = 0o644) => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
      chmodSync(join(folder, path), mode);
    };
    put("plain.txt", "plain\n");
    put("program.sh", "#!/bin/sh\necho\n", 0o4755);
    put("other.txt", "other\n", 0o600);
    put("with blank/a b.txt", "blank\n");
    put("tree/sub/file", "file\n", 0o666);
    put("tree/.hidden", "");
    put("tree/loose", "loose\n");
    put("values.args", "# values\nFIRST=Jane\n");
    put("helped.def", `${BASE}%help\n  first\n%labels\n  Author first\n`);
    for (const [out, source] of [
      ["base.sif", "oci:base"],
      ["helped.sif", "helped.def"],
    ] as const) {
      await mustSifon(["build", out, source], { cwd: folder });
    }
    for (const name of ["base.sif", "helped.sif", "base", "other.txt"]) chmodSync(join(folder, name), 0o755);
  });

  it.each(CASES)("$name", async ({ name, text, args = [], differs = {} }) => {
    const file = `d-${name.replace(/\W+/g, "-")}`;
    writeFileSync(join(folder, `${file}.def`), text);
    const [ours, theirs] = [`${file}-ours.sif`, `${file}-theirs.sif`];
    await mustSifon(["build", "--notest", ...args, ours, `${file}.def`], { cwd: folder });
    const built = apptainerDoes(["build", "--notest", ...args, theirs, `${file}.def`], USER);
    expect(built.status, built.stderr).toBe(0);

    expect(await treeDifferences(theirs, ours, differs)).toEqual([]);
    const [said, expected] = [ours, theirs].map((sif) => inspected(sif, differs));
    expect(said).toEqual(expected);
  });
});

/** What differs and may not, in words. */
async function treeDifferences(theirs: string, ours: string, differs: Case["differs"] = {}): Promise<string[]> {
  const [from, to] = await Promise.all([theirs, ours].map((name) => openLocalImage(join(folder, name))));
  const found: string[] = [];
  try {
    if (from?.kind !== "sif" || to?.kind !== "sif") throw new Error("no SIF");
    for await (const difference of compareImages(from.squashfs, to.squashfs, { ignore: new Set(["mtime"]) })) {
      const { path } = difference;
      if (difference.kind !== "changed") {
        found.push(`${difference.kind} ${path}`);
        continue;
      }
      const may = OWN_WORDS.test(path) || path in differs || path === ".singularity.d/labels.json";
      const changes = difference.changes.filter(({ field }) => !(may && (field === "content" || field === "size")));
      for (const { field, from: a, to: b } of changes) found.push(`${path}: ${field} ${a} ${b}`);
    }
  } finally {
    await from?.close();
    await to?.close();
  }
  return found;
}

/** `inspect --all` of both, without what says when and of what; our own texts by what the definition added to them. */
function inspected(sif: string, differs: Case["differs"] = {}): unknown {
  const { status, stdout, stderr } = apptainerDoes(["inspect", "--all", sif]);
  expect(status, stderr).toBe(0);
  const { attributes } = (JSON.parse(stdout) as { data: { attributes: Record<string, unknown> } }).data;
  const labels = Object.entries((attributes["labels"] ?? {}) as Record<string, string>);
  const environment = Object.entries((attributes["environment"] ?? {}) as Record<string, string>);
  for (const section of ["runscript", "startscript"]) {
    if (`.singularity.d/${section}` in differs) delete attributes[section];
  }
  return {
    ...attributes,
    labels: Object.fromEntries(labels.filter(([key]) => !LABELS_OF_OURS.has(key))),
    environment: Object.fromEntries(environment.map(([path, script]) => [path, script.replace(/^#.*$/gm, "").trim()])),
  };
}
