import { type DebianImage, IMAGE_STORE, provideImage } from "../test/support/debian-image.ts";
import { LOLCOW } from "../test/support/lolcow.ts";
import { type Registry, startRegistry } from "../test/support/registry.ts";

/** What scientific groups build upon: compilers, and Python with its numeric packages, in layers as people write them. */
const SCIENTIFIC: DebianImage = {
  name: "bench/scientific",
  dockerfile: `FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends build-essential gfortran ca-certificates && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN apt-get update && apt-get install -y --no-install-recommends clang && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN apt-get update && apt-get install -y --no-install-recommends python3-dev python3-pip python3-numpy python3-scipy python3-pandas python3-matplotlib && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN apt-get update && apt-get install -y --no-install-recommends python3-sklearn python3-numba python3-h5py python3-mpi4py libopenmpi-dev libopenblas-dev libhdf5-dev && apt-get clean && rm -rf /var/lib/apt/lists/*
CMD ["python3"]
`,
};

/** The images that `--image` names. */
const IMAGES: Readonly<Record<string, DebianImage>> = { lolcow: LOLCOW, scientific: SCIENTIFIC };

/** References to images, by name, in a registry of our own that `stop` ends; made the first time. */
export async function provideImages(names: readonly string[]): Promise<{
  readonly references: readonly string[];
  readonly stop: () => Promise<void>;
}> {
  const unknown = names.find((name) => !Object.hasOwn(IMAGES, name));
  if (unknown !== undefined)
    throw new Error(`no image is called ${unknown}; there are ${Object.keys(IMAGES).join(", ")}`);
  if (names.length === 0) return { references: [], stop: async () => {} };
  const registry: Registry = await startRegistry({ store: IMAGE_STORE });
  try {
    const references: string[] = [];
    for (const name of names) references.push(await provideImage(registry, IMAGES[name] as DebianImage));
    return { references, stop: () => registry.stop() };
  } catch (error) {
    await registry.stop();
    throw error;
  }
}
