import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, fetch } from "undici";
import { mustRun } from "./command.ts";
import { onFreePort, type Service, startService } from "./service.ts";

/** A real registry (Debian's docker-registry) on loopback. */
export interface Registry extends Service {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Path of the authority's certificate; undefined where it speaks plain HTTP. */
  readonly caFile: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

export interface RegistryOptions {
  /** Where it keeps its blobs; a temporary folder unless given. */
  readonly store?: string;
  /** TLS with a certificate of its own, and Basic authentication. */
  readonly secure?: boolean;
}

/** Starts docker-registry. Needs docker-registry, and for `secure` openssl and htpasswd. */
export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-registry-"));
  const secure = options.secure ? await makeSecrets(folder) : undefined;
  const dispatcher = new Agent(secure ? { connect: { ca: await readFile(secure.caFile) } } : {});
  const { host, service } = await onFreePort(async (port) => {
    const host = `127.0.0.1:${port}`;
    const config = {
      version: 0.1,
      log: { level: "warn" },
      storage: { filesystem: { rootdirectory: options.store ?? join(folder, "data") }, delete: { enabled: true } },
      http: { addr: host, ...(secure && { tls: { certificate: secure.caFile, key: secure.keyFile } }) },
      ...(secure && { auth: { htpasswd: { realm: "sifon tests", path: secure.passwordFile } } }),
    };
    // JSON is YAML.
    const configFile = join(folder, "config.yml");
    await writeFile(configFile, JSON.stringify(config));
    const url = `${secure ? "https" : "http"}://${host}/v2/`;
    const expected = secure ? 401 : 200;
    const answers = async () => (await fetch(url, { dispatcher })).status === expected;
    return { host, service: await startService("docker-registry", ["serve", configFile], answers) };
  });
  return {
    host,
    caFile: secure?.caFile,
    user: secure?.user,
    password: secure?.password,
    async stop() {
      await service.stop();
      await dispatcher.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function makeSecrets(folder: string) {
  const [caFile, keyFile] = [join(folder, "ca.crt"), join(folder, "ca.key")];
  await mustRun("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", keyFile, "-out", caFile],
  ]);
  // A password with what shells, URLs and lists stumble over.
  const [user, password, passwordFile] = ["sifon", "pass w$rd, 100%:?", join(folder, "htpasswd")];
  await mustRun("htpasswd", ["-Bbc", passwordFile, user, password]);
  return { caFile, keyFile, user, password, passwordFile };
}
