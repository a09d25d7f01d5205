import { readlinkSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer } from "../support/apptainer.ts";
import { busybox } from "../support/runnable-image.ts";
import { mustSifon, SIFON_MAIN } from "../support/sifon.ts";
import { requireTool } from "../support/tools.ts";
import { settle } from "./run-differences.ts";
import { extractFileSystem, imageFile, makeImages } from "./run-images.ts";
import { ROWS, type Row } from "./run-invocations.ts";
import { type Call, type CallResult, entersTree, runCalls, type Stage, type Who } from "./run-stage.ts";

const apptainer = findApptainer();
const ready = [
  apptainer,
  busybox,
  requireTool("bwrap", "bubblewrap"),
  requireTool("squashfuse_ll", "squashfuse"),
].every((tool) => tool !== undefined);
const isRoot = process.getuid?.() === 0;
const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NAMESPACES = Object.fromEntries(
  (["pid", "ipc", "net", "uts"] as const).map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)]),
) as Parameters<typeof settle>[1]["namespaces"];
const PROGRAMS = ["apptainer", "sifon"] as const;
type Program = (typeof PROGRAMS)[number];

/** For work on a few rows: SIFON_TEST_ROWS, a regular expression of their names. */
const only = process.env.SIFON_TEST_ROWS === undefined ? /./ : new RegExp(process.env.SIFON_TEST_ROWS);
const nameOf = ({ before, image, after = [], env = {}, cwd = "", form }: Row) =>
  [
    ...(form === undefined ? [] : [`${form}:`]),
    ...Object.keys(env).map((name) => `${name}=…`),
    ...(cwd === "" ? [] : [`in ${cwd}`]),
    ...before,
    `<${image}>`,
    ...after.map((word) => JSON.stringify(word)),
  ].join(" ");
const rows = (["root", "user"] as const).flatMap((who) =>
  ROWS.map((row, index) => ({ who, row, index, name: `${who}: ${nameOf(row)}` })).filter(({ name }) => only.test(name)),
);

describe.skipIf(!ready || !isRoot)("run, exec, shell, test and run-help beside Apptainer", () => {
  let folder: string;
  const results = {} as Record<Program, CallResult[]>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-run-oracle-"));
    await chmod(folder, 0o777);
    const wrapper = (await entersTree(apptainer as string)) ? (apptainer as string) : undefined;
    const words = wrapper === undefined ? [apptainer as string] : ["apptainer"];
    const stage = (name: string): Stage => ({
      folder: join(folder, name),
      ...(wrapper === undefined || name === "sifon" ? {} : { wrapper }),
    });
    const env = { PATH: HOST_PATH, HOME: "/root" };
    const builds = (await makeImages(folder)).map(
      (args): Call => ({
        ...{ words: [...words, ...args], env, cwd: folder, who: "root" },
      }),
    );
    for (const { code, stderr } of await runCalls(stage("builds"), builds)) expect(code, stderr).toBe(0);
    await extractFileSystem(folder, "environment");
    await makeShared();
    const start = async (program: Program, argv: readonly string[]) => {
      const calls = rows.map(({ who, row, index }) => callOf(row, index, who, program, argv));
      results[program] = await runCalls(stage(program), calls);
    };
    await Promise.all([start("apptainer", words), start("sifon", [process.execPath, "--", SIFON_MAIN])]);
  }, 900_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function makeShared(): Promise<void> {
    await mkdir(join(folder, "shared/overlay/upper"), { recursive: true });
    await mkdir(join(folder, "shared/overlay/work"));
    await writeFile(join(folder, "shared/overlay/upper/kept"), "kept\n");
    await mkdir(join(folder, "shared/data"), { recursive: true });
    await writeFile(join(folder, "shared/data/file"), "shared file\n");
    const files = join(folder, "shared/files.sqfs");
    await copyFile(join(folder, imageFile("environment", "sqfs")), files);
    for (const name of ["root.sif", "data.sif"])
      await copyFile(join(folder, imageFile("environment", "theirs.sif")), join(folder, "shared", name));
    const data = ["--datatype", "4", "--partfs", "1", "--parttype", "3", "--partarch", "2"];
    await mustSifon(["sif", "add", ...data, join(folder, "shared/data.sif"), files]);
    await writeFile(join(folder, "shared/variables"), 'export FROM_FILE="of $HOME"\nSECOND=plain\n');
  }

  /** The call of a row by one program; the images of both makers take turns. */
  function callOf(row: Row, index: number, who: Who, program: Program, argv: readonly string[]): Call {
    const { before, image, after = [], env = {}, stdin, umask, cwd, form } = row;
    const own = join(folder, "own", program, who, String(index));
    const fill = (word: string) => word.replaceAll("SHARED", join(folder, "shared")).replaceAll("OWN", own);
    const filled = Object.entries(env).map(([name, value]) => [name, fill(value)]);
    return {
      words: [
        ...argv,
        ...before.map(fill),
        join(folder, imageFile(image, form ?? (index % 2 === 0 ? "ours.sif" : "theirs.sif"))),
        ...after,
      ],
      env: { PATH: HOST_PATH, HOME: who === "root" ? "/root" : "/home/user", ...Object.fromEntries(filled) },
      ...{ who, cwd: cwd ?? folder },
      ...(stdin === undefined ? {} : { stdin }),
      ...(umask === undefined ? {} : { umask }),
      ...(before.some((word) => word.includes("OWN")) ? { own } : {}),
      ...(form === "sandbox" && before.includes("--writable") ? { copied: join(folder, imageFile(image, form)) } : {}),
    };
  }

  it.each(rows.map(({ name, row, index, who }, at) => [name, row, index, who, at] as const))(
    "%s",
    (_name, row, index, who, at) => {
      const told = (program: Program) => {
        const { code, stdout, stderr, left } = results[program][at] as CallResult;
        const own = join(folder, "own", program, who, String(index));
        const text = (words: string) =>
          settle(words.replaceAll(own, "OWN"), { program, row, who, namespaces: NAMESPACES });
        return { code, stdout: text(stdout), stderr: text(stderr), left };
      };
      expect(told("sifon")).toEqual(told("apptainer"));
    },
  );
});
