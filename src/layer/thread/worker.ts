import { parentPort, workerData } from "node:worker_threads";
import { InternalError } from "../../errors.ts";
import type { LayerThreadSetup } from "./messages.ts";
import { serveLayers } from "./serve-layers.ts";

// The thread that LayerThread starts: one layer after the other, until it is ended.
if (parentPort === null) throw new InternalError("a layer's thread was started as a program");
serveLayers(parentPort, (workerData as LayerThreadSetup).slotCount);
