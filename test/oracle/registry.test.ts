import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SifonError } from "../../src/errors.ts";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { readTar } from "../../src/tar/read-tar.ts";
import { never, pullAll, QUICK, WAYS } from "../source/pull.ts";
import { streamOf } from "../support/chunks.ts";
import { mustRun } from "../support/command.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { makeImage, makeIndex, makeLayer, type TestImage, tagged, writeLayout } from "../support/registry-image.ts";
import { requireTool } from "../support/tools.ts";
import { filesToTar, fileTar } from "../tar/file-tar.ts";

const NEEDED = [["docker-registry"], ["skopeo"], ["openssl"], ["htpasswd", "apache2-utils"]] as const;
const ready = NEEDED.map(([name, debianPackage]) => requireTool(name, debianPackage)).every(
  (path) => path !== undefined,
);

describe.skipIf(!ready)("docker-registry", () => {
  let folder: string;
  let plain: Registry;
  let secure: Registry;
  let image: TestImage;
  let layers: Buffer[];
  let withCa: SourceOptions;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-oracle-"));
    layers = await Promise.all(["a", "b", "c"].map((name) => makeLayer({ [name]: name.repeat(1000) })));
    image = await makeImage({ layers });
    const index = await makeIndex([
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm64" },
    ]);
    const entries = [tagged(image.descriptor, "one"), tagged(index.descriptor, "many")];
    await writeLayout(folder, new Map([...image.blobs, ...index.blobs]), entries);
    [plain, secure] = await Promise.all([startRegistry(), startRegistry({ secure: true })]);
    for (const tag of ["one", "many"]) {
      for (const registry of [plain, secure]) {
        const login = registry.user === undefined ? [] : ["--dest-creds", `${registry.user}:${registry.password}`];
        const copy = ["copy", "--all", "--insecure-policy", "--dest-tls-verify=false", ...login];
        await mustRun("skopeo", [...copy, `oci:${folder}:${tag}`, `docker://${registry.host}/team/app:${tag}`]);
      }
    }
    withCa = { ...QUICK, noHttps: false, ca: await readFile(secure.caFile as string) };
  });

  afterAll(async () => {
    await Promise.all([plain?.stop(), secure?.stop()]);
    await rm(folder, { recursive: true });
  });

  /** What this thread reads; and layer threads unpack the same. */
  async function pullBothWays(uri: string, options: SourceOptions): Promise<Buffer[]> {
    const stored = await pullAll(createSource(uri, options));
    const unpacked = await pullAll(createSource(uri, options), never, "layer threads");
    const tars = stored.map((bytes) => readTar(streamOf([gunzipSync(bytes)]), { name: uri }));
    expect(unpacked).toEqual(await Promise.all(tars.map(filesToTar)));
    return stored;
  }
  const pull = (registry: Registry, tag: string, options: SourceOptions) =>
    pullBothWays(`docker://${registry.host}/team/app:${tag}`, options);

  it("gives what skopeo pushed, in plain HTTP", async () => {
    expect(await pull(plain, "one", QUICK)).toEqual(layers);
  });

  it("chooses out of the index that skopeo pushed", async () => {
    const source = createSource(`docker://${plain.host}/team/app:many`, {
      ...QUICK,
      platform: { os: "linux", architecture: "arm64", explicit: true },
    });
    const { platform } = await source.resolve({ signal: new AbortController().signal });
    expect(platform.architecture).toBe("arm64");
    await source.close();
  });

  it("gives it over TLS to the right password, from options, variables and files", async () => {
    const { user = "", password = "" } = secure;
    const env = { SINGULARITY_DOCKER_USERNAME: user, SINGULARITY_DOCKER_PASSWORD: password };
    expect(await pull(secure, "one", { ...withCa, credentials: { username: user, password } })).toEqual(layers);
    expect(await pull(secure, "one", { ...withCa, env })).toEqual(layers);
    const authFile = join(folder, "auth.json");
    await mustRun(
      "skopeo",
      ["login", "--tls-verify=false", "--authfile", authFile, "-u", user, "--password-stdin", secure.host],
      { stdin: password },
    );
    expect(await pull(secure, "one", { ...withCa, credentials: { authFile } })).toEqual(layers);
  });

  it("trusts an authority in the host's directory of certificates", async () => {
    const { user: username, password, host, caFile = "" } = secure;
    const shelf = join(folder, "home/.config/containers/certs.d", host);
    await mkdir(shelf, { recursive: true });
    await copyFile(caFile, join(shelf, "ca.crt"));
    const { ca: _, ...rest } = withCa;
    const options = { ...rest, credentials: { username, password }, env: { HOME: join(folder, "home") } };
    expect(await pull(secure, "one", options)).toEqual(layers);
  });

  it("shows its own certificate to a registry that asks for one", async () => {
    const keyFile = join(folder, "client.key");
    await mustRun("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", join(folder, "client.cert")],
    ]);
    const [own, key] = await Promise.all([readFile(join(folder, "client.cert")), readFile(keyFile)]);
    const manifest = image.blobs.get(image.descriptor.digest) as Buffer;
    const server = createHttpsServer({ cert: own, key, ca: own, requestCert: true, rejectUnauthorized: true });
    server.on("request", ({ url = "" }, response) => {
      const digest = url.slice(url.lastIndexOf("/") + 1) as `sha256:${string}`;
      response.end(image.blobs.get(digest) ?? manifest);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const shelf = join(folder, "home2/.config/containers/certs.d", host);
    await mkdir(shelf, { recursive: true });
    await writeFile(join(shelf, "ca.crt"), own);
    const options = { ...QUICK, noHttps: false, env: { HOME: join(folder, "home2") } };
    const app = `docker://${host}/team/app`;
    await expect(pullAll(createSource(app, options))).rejects.toBeInstanceOf(SifonError);
    await writeFile(join(shelf, "client.cert"), own);
    await expect(pullAll(createSource(app, options))).rejects.toMatchObject({ code: "CERTIFICATES_INVALID" });
    await writeFile(join(shelf, "client.key"), key);
    expect(await pullBothWays(app, options)).toEqual(layers);
    await writeFile(join(shelf, "other.crt"), "not PEM");
    await expect(pullAll(createSource(app, options))).rejects.toThrow(/other\.crt": it is not in PEM format/);
    server.close();
  });

  it("takes any certificate when told to", async () => {
    const { user: username, password } = secure;
    const options = { ...QUICK, noHttps: false, insecure: true, credentials: { username, password } };
    expect(await pull(secure, "one", options)).toEqual(layers);
  });

  it.each(WAYS)(
    "comes to %s through a connection that is cut every 2 MiB, with hardly a byte fetched twice",
    async (way) => {
      // skopeo compresses what is not compressed.
      const big = gzipSync(fileTar(randomBytes(40 << 20)), { level: 0 });
      const large = await makeImage({ layers: [big] });
      await writeLayout(join(folder, "large"), large.blobs, [tagged(large.descriptor, "large")]);
      const copy = ["copy", "--insecure-policy", "--dest-tls-verify=false", `oci:${folder}/large:large`];
      await mustRun("skopeo", [...copy, `docker://${plain.host}/team/app:large`]);
      const proxy = await startCuttingProxy(plain.host, 2 << 20);
      const [read] = await pullAll(createSource(`docker://${proxy.host}/team/app:large`, QUICK), never, way);
      proxy.close();
      expect(read?.equals(way === "layer threads" ? gunzipSync(big) : big)).toBe(true);
      expect(proxy.cuts()).toBeGreaterThanOrEqual(19);
      expect(proxy.forwarded()).toBeLessThan(big.length * 1.05);
    },
  );

  it.each([
    ["no password", {}, "UNAUTHORIZED"],
    ["a wrong password", { credentials: { username: "sifon", password: "x" } }, "UNAUTHORIZED"],
    ["plain HTTP", { noHttps: true }, "TLS_REQUIRED"],
    ["an unknown authority", { ca: undefined }, "TLS_CERTIFICATE"],
  ])("refuses %s over TLS", async (_, options, code) => {
    const { ca, ...rest } = { ...withCa, ...options };
    await expect(pull(secure, "one", ca === undefined ? rest : { ...rest, ca })).rejects.toMatchObject({ code });
  });

  it.each([
    ["team/app", "none", "MANIFEST_UNKNOWN"],
    ["nobody/nothing", "latest", "MANIFEST_UNKNOWN"],
  ])("has no %s:%s", async (repository, tag, code) => {
    await expect(pullAll(createSource(`docker://${plain.host}/${repository}:${tag}`, QUICK))).rejects.toMatchObject({
      code,
    });
  });

  it("speaks plain HTTP where TLS is expected", async () => {
    await expect(pull(plain, "one", { ...QUICK, noHttps: false })).rejects.toMatchObject({ code: "TLS_NOT_SPOKEN" });
  });
});
