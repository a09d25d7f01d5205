import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetch } from "undici";
import { findOrMake } from "../../src/cache/lease.ts";
import { mustRun } from "./command.ts";
import { startDocker } from "./docker.ts";
import { debianTree, labFolder } from "./lab.ts";
import type { Registry } from "./registry.ts";

/** The store of a registry that keeps images from one run to the next. */
export const IMAGE_STORE: string = labFolder("e2e", "registry");

/** An image that a Dockerfile makes on `FROM debian`, a Debian of this machine's mirror. */
export interface DebianImage {
  /** In the registry. */
  readonly name: string;
  readonly dockerfile: string;
}

/**
 * Sees to it that the registry (of {@link IMAGE_STORE}) has the image, built by a real Docker daemon and pushed
 * the first time. Gives its name there: `127.0.0.1:PORT/NAME`.
 */
export async function provideImage(registry: Registry, image: DebianImage): Promise<string> {
  const reference = `${registry.host}/${image.name}`;
  // Test files run beside one another.
  return findOrMake({
    path: join(IMAGE_STORE, `.${image.name.replace("/", "-")}.lease`),
    find: async () => {
      const { status } = await fetch(`http://${registry.host}/v2/${image.name}/manifests/latest`, {
        headers: { accept: "application/vnd.docker.distribution.manifest.v2+json" },
      });
      return status === 200 ? reference : undefined;
    },
    make: async () => {
      await buildAndPush(reference, image.dockerfile);
      return reference;
    },
    signal: new AbortController().signal,
  });
}

async function buildAndPush(reference: string, dockerfile: string): Promise<void> {
  const tree = await debianTree("bookworm");
  const folder = await mkdtemp(join(tmpdir(), "sifon-debian-"));
  const daemon = await startDocker();
  try {
    await mustRun("tar", ["-C", tree, "--exclude=./.ready", "-cf", join(folder, "debian.tar"), "."]);
    await daemon.docker("import", join(folder, "debian.tar"), "debian");
    await rm(join(folder, "debian.tar"));
    await writeFile(join(folder, "Dockerfile"), dockerfile);
    await daemon.docker("build", "--quiet", "--network", "host", "--tag", reference, folder);
    await daemon.docker("push", "--quiet", reference);
  } finally {
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
