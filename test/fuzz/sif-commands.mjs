// node test/fuzz/sif-commands.mjs [--count N] [--seed N] [--from N] [--only N]: changes bytes of small signed SIFs and does to each
// what the commands do: list, header, info, dump, inspect, ls, check, verify, and on every sixteenth del, setprim, add,
// sign and a build from it. The result must be a typed error or an answer, within a second. Needs dist/.
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesAccess } from "../../dist/bytes/random-access.js";
import {
  checkImage,
  formatHeader,
  formatInfo,
  formatList,
  inspectContainer,
  listPath,
  MemorySink,
  pemSigner,
  readSif,
  rebuild,
  recompress,
  signImage,
  streamObject,
  verifyImage,
  withImageFile,
} from "../../dist/index.js";
import { DataType } from "../../dist/sif/data-type.js";
import { addObject, deleteObject, setPrimaryPartition } from "../../dist/sif/edit.js";
import { SifWriter } from "../../dist/sif/writer.js";
import { attemptAll, fuzz } from "./support/harness.mjs";
import { mutate } from "./support/mutate.mjs";

const TIME_SEC = 1_700_000_000;
const TABLE = 4096;
const SLOT = 585;
/** Ed25519, its seed the bytes 00 to 1f. */
const KEY = createPrivateKey(
  "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
);
const FIXTURES = new URL("../../fixtures/squashfs/", import.meta.url);

await fuzz(import.meta.url, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sifon-fuzz-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "x.sif");
  const images = [];
  for (const name of ["stored", "gzip", "xz"]) images.push({ name, bytes: await signedSif(path, name) });
  let turn = 0;
  return (random) => {
    const { name, bytes } = images[random(images.length)];
    const mutant = damage(bytes, random);
    const changes = random(16) === 0;
    turn++;
    return { name: `${name} (turn ${turn})`, run: () => useAll(mutant, path, changes) };
  };
});

async function signedSif(path, name) {
  const sink = new MemorySink();
  const writer = await SifWriter.begin(sink, { uuid: Buffer.alloc(16, 7), timeSec: TIME_SEC });
  await writer.add({ dataType: DataType.definition }, Buffer.from("bootstrap: docker\nfrom: alpine\n\n"));
  const metadata = { data: { attributes: { labels: { a: "b" }, runscript: "#!/bin/sh\n" } }, type: "container" };
  await writer.add(
    { dataType: DataType.genericJson, name: "inspect-metadata.json" },
    Buffer.from(JSON.stringify(metadata)),
  );
  const partition = await writer.beginPartition();
  await partition.write(readFileSync(new URL(`${name}.squashfs`, FIXTURES)));
  await writer.endPartition(2);
  await writer.finish();
  writeFileSync(path, sink.bytes);
  await signImage(path, { signer: pemSigner(KEY), timeSec: TIME_SEC });
  return readFileSync(path);
}

async function useAll(bytes, path, changes) {
  const access = bytesAccess(bytes, "mutation");
  const reads = [
    async () => {
      const image = await readSif(access);
      formatList(image);
      formatHeader(image);
      for (const object of image.objects) formatInfo(object);
      for (const object of image.objects) for await (const _ of streamObject(access, object));
    },
    () => verifyImage(access, { publicKey: createPublicKey(KEY) }),
    () => verifyImage(access, { publicKey: createPublicKey(KEY), legacy: "all" }),
  ];
  if (changes) {
    const fresh = () => writeFileSync(path, bytes);
    fresh();
    reads.push(
      () => withImageFile(path, checkImage),
      () =>
        withImageFile(path, async (image) => {
          for await (const _ of listPath(await image.root(), "", { recursive: true }));
        }),
      () => inspectContainer(path, { all: true }),
      () => rebuild({ path, sink: new MemorySink(), workers: 0, ignoreSpace: true }),
      () => recompress({ path, sink: new MemorySink(), workers: 0, compression: { kind: "none" }, ignoreSpace: true }),
    );
    for (const edit of [
      () => deleteObject(path, 1, { timeSec: TIME_SEC }),
      () => setPrimaryPartition(path, 3, { timeSec: TIME_SEC }),
      () => addObject(path, { dataType: DataType.generic }, Buffer.from("data"), { timeSec: TIME_SEC }),
      () => signImage(path, { signer: pemSigner(KEY), timeSec: TIME_SEC }),
    ]) {
      reads.push(async () => {
        fresh();
        await edit();
      });
    }
  }
  const error = await attemptAll(reads);
  if (error !== undefined) throw error;
  return "no error";
}

/** Half of the changes go to header and descriptors, whose many zeros would else swallow nearly all. */
function damage(original, random) {
  const end = original.length;
  const place = () => {
    switch (random(6)) {
      case 0:
        return random(128);
      case 1:
      case 2:
        return TABLE + random(5) * SLOT + random(70);
      case 3:
        return TABLE + random(5 * SLOT);
      default:
        return random(end);
    }
  };
  const words = {
    u32: [0, 1, 0xffff_ffff, 0x7fff_ffff, 0xf000_0001, end],
    u64: [0n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, BigInt(end)],
  };
  const bytes = mutate(original, random, { place, end, words });
  return random(10) === 0 ? bytes.subarray(0, random(end)) : bytes;
}
