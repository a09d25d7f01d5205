import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convert } from "../../src/convert.ts";
import type { ImageSource } from "../../src/oci/image.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { mustRun } from "../support/command.ts";
import { type Docker, startDocker } from "../support/docker.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { digestOf, makeImage, makeLayer, type TestImage, tagged, writeLayout } from "../support/registry-image.ts";
import { type FakeRegistry, guardWith, onPath, sendError, startFakeRegistry } from "../support/registry-server.ts";
import { mustSifon, sifon } from "../support/sifon.ts";
import { primaryPartition, requireRoot } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";

const NEEDED = [
  ["docker-registry"],
  ["skopeo"],
  ["umoci"],
  ["openssl"],
  ["htpasswd", "apache2-utils"],
  ["unsquashfs", "squashfs-tools"],
] as const;
const ready = NEEDED.map(([name, debianPackage]) => requireTool(name, debianPackage)).every(Boolean);
const withDocker =
  [requireTool("dockerd", "docker.io"), requireTool("docker", "docker.io")].every(Boolean) && requireRoot();

/** One image in a place: how the library reaches it, and how the command line does. */
interface Place {
  readonly uri: string;
  readonly options?: SourceOptions;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A file for standard input. */
  readonly stdin?: string;
}

const USER = "$oauthtoken";
const PASSWORD = "e2e pass, 100%";
const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;

describe.skipIf(!ready)("one image, from every source", () => {
  let folder: string;
  let image: TestImage;
  let plain: Registry;
  let secure: Registry;
  let tokens: FakeRegistry;
  let docker: Docker | undefined;
  const at = (name: string) => join(folder, name);
  const copy = (...args: string[]) => mustRun("skopeo", ["copy", "--insecure-policy", ...args]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-sources-"));
    const base = { "etc/os-release": "ID=none\n", "usr/bin/tool": "x".repeat(300_000), "usr/lib/kept": "kept" };
    const top = { "usr/bin/tool": "y".repeat(200_000), "usr/lib/.wh.kept": "", "opt/app/data": "data".repeat(5000) };
    const layers = await Promise.all([base, top].map((files) => makeLayer(files)));
    // Docker and skopeo check these.
    image = await makeImage({ layers, diffIds: layers.map((layer) => digestOf(gunzipSync(layer))) });
    await writeLayout(at("layout"), image.blobs, [tagged(image.descriptor, "v1")]);
    [plain, secure, tokens] = await Promise.all([
      startRegistry(),
      startRegistry({ secure: true }),
      startFakeRegistry(),
    ]);
    const layout = `oci:${at("layout")}:v1`;
    await copy("--dest-tls-verify=false", layout, `docker://${plain.host}/team/app:v1`);
    const creds = `${secure.user}:${secure.password}`;
    await copy("--dest-tls-verify=false", "--dest-creds", creds, layout, `docker://${secure.host}/team/app:v1`);
    serveTokens(tokens);
    tokens.push(image, "v1");
    await copy(layout, `oci-archive:${at("oci.tar")}:v1`);
    await copy(layout, `docker-archive:${at("docker.tar")}:team/app:v1`);
    await mustRun("gzip", ["-k", at("oci.tar"), at("docker.tar")]);
    await mustRun("umoci", ["init", "--layout", at("umoci")]);
    await copy(layout, `oci:${at("umoci")}:v1`);
    await mkdir(at("spool"));
    if (!withDocker) return;
    docker = await startDocker();
    await docker.docker("load", "-i", at("docker.tar"));
    await docker.docker("tag", "team/app:v1", "sifon-e2e/app:v1");
    await docker.docker("save", "-o", at("save.tar"), "sifon-e2e/app:v1");
  });

  afterAll(async () => {
    await docker?.docker("rmi", "-f", "team/app:v1", "sifon-e2e/app:v1").catch(() => {});
    await Promise.all([plain?.stop(), secure?.stop(), tokens?.close(), docker?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  const places: Readonly<Record<string, () => Place>> = {
    "a registry in plain HTTP": () => ({
      uri: `docker://${plain.host}/team/app:v1`,
      options: { noHttps: true },
      args: ["--no-https"],
    }),
    "a registry with TLS and a password": () => ({
      uri: `docker://${secure.host}/team/app:v1`,
      options: { insecure: true, credentials: { username: secure.user, password: secure.password } },
      args: ["--cacert", secure.caFile as string],
      env: { SIFON_DOCKER_USERNAME: secure.user as string, DOCKER_PASSWORD: secure.password as string },
    }),
    "a registry with a token service": () => ({
      uri: `docker://${tokens.host}/team/app:v1`,
      options: { noHttps: true, credentials: { username: USER, password: PASSWORD } },
      args: ["--no-https", "--docker-username", USER],
      env: { APPTAINER_DOCKER_PASSWORD: PASSWORD },
    }),
    "an OCI layout": () => ({ uri: `oci:${at("layout")}:v1` }),
    "an OCI layout of umoci": () => ({ uri: `oci:${at("umoci")}:v1` }),
    "an OCI archive": () => ({ uri: `oci-archive:${at("oci.tar")}:v1` }),
    "an OCI archive, gzip-ed": () => ({ uri: `oci-archive:${at("oci.tar.gz")}` }),
    "an OCI archive on standard input": () => ({ uri: "oci-archive:-", stdin: at("oci.tar") }),
    "a Docker archive": () => ({ uri: `docker-archive:${at("docker.tar")}` }),
    "a Docker archive, gzip-ed": () => ({ uri: `docker-archive:${at("docker.tar.gz")}:team/app:v1` }),
    "a Docker archive on standard input": () => ({ uri: "docker-archive:-", stdin: at("docker.tar") }),
    "a Docker archive on standard input, gzip-ed": () => ({ uri: "docker-archive:-", stdin: at("docker.tar.gz") }),
    ...(withDocker
      ? {
          "what docker save wrote": () => ({ uri: `docker-archive:${at("save.tar")}` }),
          "the Docker daemon": () => ({
            uri: "docker-daemon:sifon-e2e/app:v1",
            options: { dockerHost: docker?.host },
            args: ["--docker-host", docker?.host as string],
          }),
        }
      : {}),
  };
  const names = Object.keys(places);
  const placeOf = (name: string) => (places[name] as () => Place)();

  it.each(names)("has one SHA-256 but for the label of its source: %s", async (name) => {
    const { uri, options = {}, stdin } = placeOf(name);
    const given = stdin === undefined ? {} : { stdin: createReadStream(stdin) };
    const source = createSource(uri, { env: { HOME: folder }, spoolDirectory: at("spool"), ...options, ...given });
    const expected = await sifDigest(createSource(`oci:${at("layout")}:v1`));
    expect(await sifDigest(source)).toBe(expected);
  });

  it("of the Docker daemon, an archive and a layout is one in the cache, where it is run", async () => {
    const runs: string[] = [];
    for (const name of names.filter((each) => !each.includes("standard input"))) {
      const { uri, args = [], env = {} } = placeOf(name);
      // No program is in it: what would be run is named once the image has been found.
      const cache = { SIFON_CACHEDIR: at("run-cache") };
      const { code, stderr } = await sifon(["exec", ...args, uri, "none"], { env: { ...cache, ...env } });
      expect({ name, code, stderr }).toMatchObject({
        code: 255,
        stderr: expect.stringContaining('"none": executable file'),
      });
      runs.push(/^INFO: {4}(Converting|Using cached)/gm.exec(stderr)?.[1] ?? stderr);
    }
    expect(runs).toContain("Using cached");
  });

  it.each(names)("has the same tree and the same identity through the command line: %s", async (name) => {
    const { uri, args = [], env = {}, stdin } = placeOf(name);
    const sif = at(`${names.indexOf(name)}.sif`);
    const input = stdin === undefined ? {} : { stdin: await readFile(stdin) };
    const options = { env: { HOME: folder, TMPDIR: at("spool"), ...env }, ...input };
    const { stderr } = await mustSifon(["build", ...args, sif, uri], options);
    expect(stderr.includes("Spooling")).toBe(stdin !== undefined || uri.startsWith("docker-daemon"));
    const reference = at("reference.sif");
    await mustSifon(["build", "--force", reference, `oci:${at("layout")}:v1`]);
    expect(await describeSif(sif)).toEqual(await describeSif(reference));
  });
});

/** Tokens for one user; the registry takes nothing else. */
function serveTokens(registry: FakeRegistry): void {
  registry.faults.push(
    onPath("/token", ({ headers, url }, response) => {
      const scoped = new URL(url, registry.url).searchParams.get("scope") === "repository:team/app:pull";
      if (headers.authorization === BASIC && scoped) response.end('{"token":"pass"}');
      else sendError(response, 401, "UNAUTHORIZED", "who are you?");
    }),
  );
  const challenge = `Bearer realm="${registry.url}/token",service="fake",scope="repository:team/app:pull"`;
  registry.faults.push(guardWith(challenge, (shown) => shown === "Bearer pass"));
}

/** The SIF's digest, made with what names the source being the same everywhere: reference and digest label. */
async function sifDigest(source: ImageSource): Promise<string> {
  const sink = new MemorySink();
  const resolve = async (options: { readonly signal: AbortSignal }) => {
    const image = await source.resolve(options);
    return { ...image, reference: "docker://same/name", manifestDigest: image.configDescriptor.digest };
  };
  try {
    await convert({ source: { resolve, close: () => source.close() }, sink, workers: 0 });
  } finally {
    await source.close();
  }
  return createHash("sha256").update(sink.bytes).digest("hex");
}

/** What `unsquashfs -lls` shows and the files' digests, without those that name the source; and the UUID. */
async function describeSif(path: string): Promise<object> {
  const { offset } = await primaryPartition(path);
  const listing = await mustRun("unsquashfs", ["-lln", "-o", String(offset), path], { env: { TZ: "UTC" } });
  const lines = listing.stdout
    .split("\n")
    .filter((line) => !/\.singularity\.d\/(labels\.json|Singularity)$/.test(line));
  const files = ["usr/bin/tool", "opt/app/data", "etc/os-release", ".singularity.d/runscript"];
  const contents: Record<string, string> = {};
  for (const file of files) {
    const { stdoutBytes } = await mustRun("unsquashfs", ["-o", String(offset), "-cat", path, file]);
    contents[file] = digestOf(stdoutBytes);
  }
  // Version, architecture, UUID and times of the header, as sif-format has them: bytes 42 to 80.
  const header = (await readFile(path)).toString("hex", 42, 80);
  return { lines, contents, header };
}
