import { parentPort, workerData } from "node:worker_threads";
import { InternalError } from "../../errors.ts";
import type { LayerThreadSetup } from "../../layer/thread/messages.ts";
import { serveLayers } from "../../layer/thread/serve-layers.ts";
import { SourceError } from "../errors.ts";
import { type FileRange, openRange } from "../layout-files.ts";
import type { RegistryBlob } from "../registry/detached-blob.ts";
import { DetachedClients } from "../registry/detached-clients.ts";

// The thread that LayerThread starts: one layer after the other, until it is ended.
if (parentPort === null) throw new InternalError("a layer's thread was started as a program");
const clients = new DetachedClients();
serveLayers(parentPort, workerData as LayerThreadSetup, {
  async open(description, ask) {
    const layer = description as RegistryBlob | FileRange;
    return layer.kind === "registry" ? clients.open(layer, ask) : openRange(layer);
  },
  close: () => clients.close(),
  errors: [SourceError],
});
