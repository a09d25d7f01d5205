import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Ten times what the longest tests take, and far less than forever: no test says how fast something is. */
const LIMIT_MS = 240_000;

const everywhere = {
  /** Random tests draw the same cases in every run. */
  setupFiles: ["test/support/property-seed.ts"],
  /** What is waited for comes: a busy machine gets as long as a test may take, where one second is the default. */
  expect: { poll: { timeout: 60_000 } },
};

/** unit needs nothing but Node; oracle compares with Debian's tools; e2e runs the built program against real services. */
export default defineConfig({
  test: {
    // Many tests wait for processes that they have started: two at a time serve two processors better than one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "unit",
          ...everywhere,
          include: ["test/**/*.test.ts"],
          exclude: ["test/oracle/**", "test/e2e/**"],
          testTimeout: LIMIT_MS,
          hookTimeout: LIMIT_MS,
        },
      },
      {
        test: {
          name: "oracle",
          ...everywhere,
          include: ["test/oracle/**/*.test.ts"],
          testTimeout: LIMIT_MS,
          hookTimeout: LIMIT_MS,
        },
      },
      {
        test: {
          name: "e2e",
          ...everywhere,
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Each conversion takes all processors, and some tests count what it leaves on the machine.
          fileParallelism: false,
        },
      },
    ],
  },
});
