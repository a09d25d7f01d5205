import type { OptionSpec } from "./options.ts";

/** What may be kept of what is fetched, and how much room there has to be. */
export const CACHE_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "--cache",
    description: "keep what is fetched from registries (in ~/.sifon/cache, or under $SIFON_CACHEDIR)",
    env: ["CACHE"],
  },
  {
    flags: "--cache-size <size>",
    description: "the most that the cache may hold; what went unused for the longest time goes first",
    env: ["CACHE_SIZE"],
  },
  { flags: "--disable-cache", description: "neither read nor write the cache", env: ["DISABLE_CACHE"] },
  {
    flags: "--ignore-space",
    description: "begin even where the image will hardly fit the free space",
    env: ["IGNORE_SPACE"],
  },
];

/** How a registry is spoken to; shared by all commands that do. */
export const REGISTRY_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "--no-https",
    alias: "--nohttps",
    description: "use plain HTTP to reach registries",
    env: ["NOHTTPS", "NO_HTTPS"],
  },
  {
    flags: "--cacert <file>",
    description: "certificates (PEM) of further authorities for registries",
    env: ["CACERT"],
  },
  {
    flags: "--insecure",
    description: "take any certificate of a registry; whoever stands in between then sees passwords",
    env: ["INSECURE"],
  },
  { flags: "--authfile <file>", description: "credentials file in Docker's format", env: ["AUTH_FILE", "AUTHFILE"] },
];

/** How an image is got at; shared by all commands that take a source. */
export const SOURCE_OPTIONS: readonly OptionSpec[] = [
  ...REGISTRY_OPTIONS,
  { flags: "--docker-login", description: "ask for user name and password of the registry", env: ["DOCKER_LOGIN"] },
  {
    flags: "--docker-username <name>",
    description: "user name for the registry",
    env: ["DOCKER_USERNAME"],
    plainEnv: true,
  },
  {
    flags: "--docker-password <password>",
    description: "password for the registry (better: the environment)",
    env: ["DOCKER_PASSWORD"],
    plainEnv: true,
  },
  {
    flags: "--docker-host <uri>",
    description: "the Docker daemon of docker-daemon: sources",
    env: ["DOCKER_HOST"],
    plainEnv: true,
  },
  ...CACHE_OPTIONS,
  { flags: "--tmpdir <dir>", description: "where a spool goes when one is needed", env: ["TMPDIR"], plainEnv: true },
];
