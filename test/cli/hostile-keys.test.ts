import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minimalSif } from "../sif/minimal-sif.ts";
import { HOSTILE_KEYS, HOSTILE_PEMS } from "../support/hostile-keys.ts";
import { expectModest } from "../support/modest-run.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-hostile-keys-"));
  await writeFile(join(folder, "x.sif"), await minimalSif());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of these bytes, which is a keyring, too. */
async function keyring(name: string, content: Uint8Array): Promise<string> {
  const directory = name.replaceAll(/\W+/g, "-");
  await mkdir(join(folder, directory));
  await writeFile(join(folder, directory, "pgp-public"), content);
  return directory;
}

describe("a hostile file of keys", () => {
  it.concurrent.for(Object.entries(HOSTILE_KEYS))(
    "takes no more than 100 MiB: %s",
    async ([name, make], { expect }) => {
      const directory = await keyring(name, make());
      const { code, stderr } = await expectModest(folder, `key import -d ${directory}-new ${directory}/pgp-public`);
      expect(stderr).toContain(`unable to get entity from: ${directory}/pgp-public: openpgp: invalid argument`);
      expect(code).toBe(2);
      await expectModest(folder, `key list -d ${directory}`);
    },
  );

  it("takes no more than 100 MiB: a gigabyte", async () => {
    const directory = await keyring("a gigabyte", Buffer.alloc(0));
    await truncate(join(folder, directory, "pgp-public"), 2 ** 30);
    for (const command of ["key import DIR/pgp-public", "key list -d DIR", "verify -d DIR x.sif"]) {
      const { stderr } = await expectModest(folder, command.replace("DIR", directory));
      expect(stderr).toMatch(/it has more than \d+ bytes/);
    }
  });

  it.concurrent.for(Object.entries(HOSTILE_PEMS))(
    "takes no more than 100 MiB: %s",
    async ([name, make], { expect }) => {
      const file = name.replaceAll(/\W+/g, "-");
      await writeFile(join(folder, file), make());
      for (const command of ["verify --key", "verify --certificate", "sign --key"]) {
        const { code } = await expectModest(folder, `${command} ${file} x.sif`);
        expect(code).toBe(255);
      }
    },
  );
});
