import { parentPort, workerData } from "node:worker_threads";
import { InternalError } from "../errors.ts";
import { codecOf } from "./block-codec.ts";
import { loadCore } from "./core.ts";
import { shareCore } from "./core-module.ts";
import { serveBlocks } from "./serve-blocks.ts";
import type { WorkerSetup } from "./worker-messages.ts";

// The thread that PoolEncoder starts: one core, and blocks until it is ended.
if (parentPort === null) throw new InternalError("the encoder's thread was started as a program");
const { compression, blockSize, module } = workerData as WorkerSetup;
shareCore(module);
serveBlocks(parentPort, codecOf(loadCore({ blockSize }), compression));
