import { defineConfig } from "vitest/config";

/** Random tests draw the same cases in every run. */
const setupFiles = ["test/support/property-seed.ts"];

/** unit needs nothing but Node; oracle compares with Debian's tools; e2e runs the built program against real services. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles,
          include: ["test/**/*.test.ts"],
          exclude: ["test/oracle/**", "test/e2e/**"],
          testTimeout: 30_000,
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
