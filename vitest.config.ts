import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Random tests draw the same cases in every run. */
const setupFiles = ["test/support/property-seed.ts"];

/** unit needs nothing but Node; oracle compares with Debian's tools; e2e runs the built program against real services. */
export default defineConfig({
  test: {
    // Many tests wait for processes that they have started: two at a time serve two processors better than one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "unit",
          setupFiles,
          include: ["test/**/*.test.ts"],
          exclude: ["test/oracle/**", "test/e2e/**"],
          // Making a key of 4096 bits alone takes half of that on a busy machine.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "oracle",
          setupFiles,
          include: ["test/oracle/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          setupFiles,
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
