import { readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { digestOf, makeImage, tagged, writeLayout } from "../support/registry-image.ts";
import { busybox, busyboxLayer, type ImageFile, layerOf, rootImageOf } from "../support/runnable-image.ts";
import { makeSif } from "../support/small-sif.ts";
import { PROBE } from "./run-probe.ts";

/** An image: its files beside busybox (all of them where `bare`), and its configuration. */
interface ImageRecipe {
  readonly files?: () => Readonly<Record<string, ImageFile>>;
  readonly bare?: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

const WORDS = ["it's", 'dq"x', "$HOME", "`id`", "back\\slash", "", "two  words", "new\nline", "-n", "*", "\\"];
const PRINT = ["/bin/printf", "<%s>\\n"];
const program = (mode = 0o755): ImageFile => ({ content: readFileSync(busybox as string).toString("latin1"), mode });
/** In every image, with or without a shell of its own. */
const probe = (): Record<string, ImageFile> => ({
  "etc/": {},
  "probe/busybox": program(),
  "probe/sh": { linkTo: "busybox" },
  "probe/probe": { content: PROBE, mode: 0o755 },
});
const script = (text: string): ImageFile => ({ content: `#!/bin/sh\n${text}\n`, mode: 0o755 });

/** ENV of an image with all that is hard to pass on. */
export const HARD_ENV = [
  "PATH=/opt/x:/bin",
  "PLAIN=image value",
  'QUOTE=say "hi" it\'s',
  "DOLLAR=$HOME ${USER} $$ $1",
  "BACKSLASH=back\\slash \\n \\\\ end\\",
  "NEWLINE=line1\nline2\n",
  "CONTROL=\u0001\u001b[1m\u007f\r\n",
  "BRACES=a}b{c}}",
  "WORDS=* ? ~ a;b&c|d>e<f # ! %s (x) [y] <( é 😀",
  "EMPTY=",
  "LD_LIBRARY_PATH=/image/lib",
];
const DEFINED = `export GREETING="hello \${GREETING:-nobody}" LIST=
for part in a "b c"; do LIST="\${LIST:+$LIST,}$part"; done
case "$HOME" in /home/*) export KIND=user ;; *) export KIND=root ;; esac
export LIST COUNT=$((6 * 7)) NESTED="$(/probe/busybox printf '%s' "a  b")"
`;
/** What bash adds to POSIX, and Apptainer's interpreter understands without a shell in the image. */
const BEYOND_POSIX = `COUNT=$((6 * 7)) NESTED="$(printf '%s' "a  b"; (echo in; exit 3))"
STATUS=$?
((COUNT++)); export COUNT NESTED STATUS CHANGED=\${NESTED//a/x}
[[ $HOME == /home/* && -d /probe ]] && export KIND=user || export KIND=root
declare -x PART=\${COUNT:0:1} MORE=$'a\\tb'; MORE+=c
`;

const RECIPES = {
  environment: {
    config: { Env: HARD_ENV, Cmd: ["/bin/sh", "-c", "env -0 | sort -z"] },
    files: () => ({
      "opt/": {},
      "opt/no-shebang": { content: 'echo no shebang: "$1"\n', mode: 0o755 },
      "opt/link": { linkTo: "target" },
      "opt/target/": {},
      "opt/plain": { content: "plain" },
      "tmp/": { mode: 0o1777 },
      "var/tmp/": { mode: 0o1777 },
      "home/": {},
    }),
  },
  entrypoint: { config: { Entrypoint: [...PRINT, "e", ...WORDS] } },
  // Names that Apptainer's interpreter has for itself.
  cmd: { config: { Env: ["IFS=:", "UID=5", "OPTIND=9", "DIRSTACK=/x"], Cmd: [...PRINT, "c", ...WORDS] } },
  both: { config: { Entrypoint: [...PRINT, "e"], Cmd: WORDS } },
  neither: { config: { Env: ["PATH=/bin", "FOO=bar"] } },
  "shell form": { config: { Entrypoint: ["/bin/sh", "-c", 'echo "$0" "$1" \'$x\''], Cmd: ["a", "b"] } },
  "no shell": {
    bare: true,
    files: () => ({
      ...{ printf: program(), "etc/passwd": {}, "etc/group": {} },
      ".singularity.d/env/50-user.sh": script(BEYOND_POSIX),
    }),
    config: { Entrypoint: ["/printf", "<%s>\\n", ...WORDS] },
  },
  "no shell, nothing to run": {
    bare: true,
    files: () => ({ printf: program(), "etc/passwd": {}, "etc/group": {} }),
    config: {},
  },
  "set-uid files": {
    files: () => ({
      ...{ "opt/setuid/id": program(0o4755), "opt/setgid/id": { ...program(0o2755), uid: 7 } },
      ...{
        "opt/secret": { content: "secret\n", mode: 0o600, uid: 5 },
        "root/": { mode: 0o700 },
        "tmp/": { mode: 0o1777 },
      },
    }),
    config: { Entrypoint: ["/bin/stat", "-c", "%a %n", "/opt/setuid/id", "/opt/setgid/id"] },
  },
  "apps and sections": {
    files: () => ({
      ".singularity.d/runscript.help": { content: "help of the image\n" },
      ".singularity.d/test": script('echo tested "$@"; exit 3'),
      "scif/apps/foo/scif/runscript": script('echo app "$SCIF_APPNAME" "$@"; pwd'),
      "scif/apps/foo/scif/runscript.help": { content: "help of foo\n" },
      "scif/apps/foo/scif/test": script("echo app tested; exit 4"),
      "scif/apps/foo/scif/env/90-environment.sh": script("export FOO_ENV=set"),
    }),
    config: { Cmd: ["/bin/true"] },
  },
  "definition's scripts": {
    files: () => ({
      "bin/bash": { content: '#!/bin/sh\n[ $# = 0 ] || echo "bash of the image: $*"\nexec /bin/sh\n', mode: 0o755 },
      ".singularity.d/env/90-environment.sh": script(DEFINED),
      ".singularity.d/env/91-environment.sh": script("export WRITTEN_BY_POST=yes"),
      ".singularity.d/env/broken.sh": { content: 'export BROKEN="no end\n', mode: 0o755 },
      "var/tmp/": { mode: 0o1777 },
    }),
    config: { Env: ["GREETING=of ENV", "LC_ALL=C"], Cmd: ["/probe/probe", "of CMD"] },
  },
  "no /tmp, no accounts": {
    bare: true,
    files: () => ({ "bin/busybox": program(), "bin/sh": { linkTo: "busybox" }, "bin/echo": { linkTo: "busybox" } }),
    config: { Cmd: ["/bin/echo", "bare"] },
  },
} as const satisfies Record<string, ImageRecipe>;

export type ImageName = keyof typeof RECIPES;
export const IMAGE_NAMES: readonly ImageName[] = Object.keys(RECIPES) as ImageName[];

/** A SIF by Sifon or by Apptainer, and forms of Apptainer's: a directory, the file system out of the SIF. */
export type ImageForm = "ours.sif" | "theirs.sif" | "sandbox" | "sqfs";

/** Name of an image in the test's folder. */
export function imageFile(image: ImageName, form: ImageForm): string {
  return `${layoutName(image)}-${form}`;
}

/** Writes the file system out of Apptainer's SIF of an image. */
export async function extractFileSystem(folder: string, image: ImageName): Promise<void> {
  const { file, offset, size } = (await rootImageOf(join(folder, imageFile(image, "theirs.sif")))) as SquashfsFile;
  const bytes = readFileSync(file).subarray(offset, offset + size);
  await writeFile(join(folder, imageFile(image, "sqfs")), bytes);
}

type SquashfsFile = Awaited<ReturnType<typeof rootImageOf>> & { readonly kind: "squashfs" };

/** Writes all images as OCI layouts and as Sifon's SIFs; gives the words with which Apptainer makes its own. */
export async function makeImages(folder: string): Promise<string[][]> {
  const builds: string[][] = [];
  for (const image of IMAGE_NAMES) {
    const { bare = false, files = () => ({}), config }: ImageRecipe = RECIPES[image];
    const all = { ...probe(), ...files() };
    const layer = bare ? await layerOf(all) : await busyboxLayer(all);
    const options = { layers: [layer], diffIds: [digestOf(gunzipSync(layer))], config: { Cmd: null, ...config } };
    const { blobs, descriptor } = await makeImage(options);
    const layout = join(folder, layoutName(image));
    await rm(layout, { recursive: true, force: true });
    await mkdir(layout, { recursive: true });
    await writeLayout(layout, blobs, [tagged(descriptor, "latest")]);
    await makeSif(join(folder, imageFile(image, "ours.sif")), options);
    // Without its cache, which two builds at once damage.
    builds.push(["build", "--force", "--disable-cache", imageFile(image, "theirs.sif"), `oci:${layoutName(image)}`]);
  }
  const image = layoutName("environment");
  return [...builds, ["build", "--sandbox", "--disable-cache", imageFile("environment", "sandbox"), `oci:${image}`]];
}

function layoutName(image: ImageName): string {
  return image.replace(/\W+/g, "-");
}
