import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createSource } from "../../src/source/open-source.ts";
import { pullAll, QUICK } from "../source/pull.ts";
import { mustRun } from "../support/command.ts";
import { requireTool } from "../support/tools.ts";

it.skipIf(requireTool("openssl") === undefined)("a Docker daemon that asks for our certificate", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sifon-daemon-"));
  await mustRun("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
  ]);
  const [cert, key] = await Promise.all(["cert.pem", "key.pem"].map((name) => readFile(join(folder, name))));
  const server = createServer({ cert, key, ca: cert, requestCert: true, rejectUnauthorized: true });
  server.on("request", (_, response) => response.writeHead(404).end('{"message":"No such image"}'));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const dockerHost = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const code = (env: Readonly<Record<string, string>>) =>
    pullAll(createSource("docker-daemon:ep", { ...QUICK, env, dockerHost })).catch((error) => error.code);

  // DOCKER_CERT_PATH alone does not check the daemon's certificate; without ca.pem it is nobody's that is known.
  expect(await code({ DOCKER_CERT_PATH: folder })).toBe("DAEMON_IMAGE_UNKNOWN");
  expect(await code({ DOCKER_CERT_PATH: folder, DOCKER_TLS_VERIFY: "1" })).toBe("DAEMON_UNREACHABLE");
  await mustRun("cp", [join(folder, "cert.pem"), join(folder, "ca.pem")]);
  expect(await code({ DOCKER_CERT_PATH: folder, DOCKER_TLS_VERIFY: "1" })).toBe("DAEMON_IMAGE_UNKNOWN");
  expect(await code({})).toMatch(/DAEMON_(?:UNREACHABLE|FAILED)/);
  await rm(join(folder, "key.pem"));
  expect(await code({ DOCKER_CERT_PATH: folder })).toBe("DAEMON_CERTIFICATES_INVALID");
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});
