import { expect, it } from "vitest";
import { runContainer } from "../../src/run-container.ts";

it.each(["no\n\u001b[31mx", "a\u202eb"])("quotes the name of an app with control characters: %j", async (app) => {
  const run = runContainer({
    ...{ image: "none.sif", action: "run" as const, args: [], app, options: {} },
    ...{ environment: {}, hostCwd: "/", onMessage: () => {} },
  });
  await expect(run).rejects.toMatchObject({
    code: "OPTION_UNFIT",
    message: expect.stringMatching(
      /^Could not locate the container application: "[\x20-\x7e]+" has control characters$/,
    ),
  });
});
