import { start } from "./start.ts";

// `./image.sif ARGS`: the launch line in a SIF's header, `#!/usr/bin/env run-singularity`, leads here.
void start(["run", ...process.argv.slice(2)]);
