import { parentPort } from "node:worker_threads";
import { InternalError } from "../errors.ts";
import { codecOf } from "./block-codec.ts";
import { loadCore } from "./core.ts";
import { shareCore } from "./core-module.ts";
import { serveBlocks } from "./serve-blocks.ts";
import type { WorkerSetup } from "./worker-messages.ts";

// A thread of an encoder: its setup, then blocks until it is ended. What all of them need is loaded before the setup comes.
if (parentPort === null) throw new InternalError("the encoder's thread was started as a program");
const port = parentPort;
port.once("message", ({ compression, blockSize, module, board }: WorkerSetup) => {
  shareCore(module);
  serveBlocks(port, codecOf(loadCore({ blockSize }), compression), blockSize, board);
});
