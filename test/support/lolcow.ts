import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetch } from "undici";
import { mustRun } from "./command.ts";
import { startDocker } from "./docker.ts";
import { debianTree, labFolder } from "./lab.ts";
import type { Registry } from "./registry.ts";

/** The store of a registry that keeps lolcow from one test run to the next. */
export const LOLCOW_STORE: string = labFolder("e2e", "registry");

const NAME = "godlovedc/lolcow";

/** The image of the Singularity manual, as its Dockerfile makes it, on a Debian of this machine's mirror. */
const DOCKERFILE = `FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends fortune-mod fortunes-min cowsay lolcat
ENV PATH /usr/games:\${PATH}
ENV LC_ALL=C
ENTRYPOINT fortune | cowsay | lolcat
`;

/**
 * Sees to it that the registry (of {@link LOLCOW_STORE}) has lolcow, built by a real Docker daemon and pushed
 * the first time. Gives its name there: `127.0.0.1:PORT/godlovedc/lolcow`.
 */
export async function provideLolcow(registry: Registry): Promise<string> {
  const reference = `${registry.host}/${NAME}`;
  const { status } = await fetch(`http://${registry.host}/v2/${NAME}/manifests/latest`, {
    headers: { accept: "application/vnd.docker.distribution.manifest.v2+json" },
  });
  if (status !== 200) await buildAndPush(reference);
  return reference;
}

async function buildAndPush(reference: string): Promise<void> {
  const tree = await debianTree("bookworm");
  const folder = await mkdtemp(join(tmpdir(), "sifon-lolcow-"));
  const daemon = await startDocker();
  try {
    await mustRun("tar", ["-C", tree, "--exclude=./.ready", "-cf", join(folder, "debian.tar"), "."]);
    await daemon.docker("import", join(folder, "debian.tar"), "debian");
    await rm(join(folder, "debian.tar"));
    await writeFile(join(folder, "Dockerfile"), DOCKERFILE);
    await daemon.docker("build", "--quiet", "--network", "host", "--tag", reference, folder);
    await daemon.docker("push", "--quiet", reference);
  } finally {
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
