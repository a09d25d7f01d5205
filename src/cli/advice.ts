import { SifonError } from "../runtime.ts";

type Advice = string | ((details: SifonError["details"]) => string | false);

const NAMES_CREDENTIALS: Advice = ({ anonymous }) =>
  anonymous === true && "--docker-username and --docker-password give them, or --authfile.";
const HOST = '"sifon doctor" shows all that this host has.';

/**
 * The option that helps against an error, by its code: the library says what is wrong and what could be done, and
 * knows of no options.
 */
const ADVICE: Readonly<Record<string, Advice>> = {
  OUTPUT_EXISTS: "Use --force to overwrite it.",
  SPACE_TOO_SMALL: "With --ignore-space it is tried all the same.",
  TEMPORARY_FOLDER_FAILED: "--tmpdir names one, too.",
  OPEN_FAILED: ({ openAdvice }) => openAdvice !== undefined && "--tmpdir names one, too.",
  TLS_NOT_SPOKEN: "If that is meant, give --no-https.",
  TLS_REQUIRED: "Leave --no-https out.",
  TLS_CERTIFICATE: "--cacert names it for one run.",
  UNAUTHORIZED: NAMES_CREDENTIALS,
  TOKEN_REFUSED: NAMES_CREDENTIALS,
  DENIED: NAMES_CREDENTIALS,
  RATE_LIMITED: ({ anonymous }) => anonymous === true && "--docker-username and --docker-password log in.",
  PLATFORM_NOT_FOUND: ({ available }) => String(available).includes("linux/") && "--arch and --arch-variant do so.",
  PLATFORM_MISMATCH: ({ seen }) => String(seen).startsWith("linux/") && "Without --arch it is taken.",
  AUTH_FILE_UNREADABLE: "--authfile names one.",
  AUTH_FILE_INVALID: "--authfile names one.",
  AUTH_FILE_UNWRITABLE: "--authfile names one.",
  NOT_IN_CACHE: "Run it once without --offline.",
  TOO_MANY_IDS: "--all-root does the latter.",
  COMMAND_IN_PATH: "--build-arg gives it a value.",
  SCRIPT_UNSUPPORTED: ({ isGiven }) => isGiven === true && "--no-eval passes all values on as they are.",
  WORKDIR_UNUSABLE: "It is the one that --workdir names.",
  TOOL_MISSING: `${HOST} run, exec, shell and test take --engine apptainer as well.`,
  TOOL_UNUSABLE: HOST,
  ARGUMENTS_TOO_LONG: ({ longestBytes, longestLimit }) =>
    Number(longestBytes) <= Number(longestLimit) && "--cleanenv leaves the host's variables out.",
};

/** An error's message, with the options that help against it or against what caused it. */
export function advisedMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const advice = at instanceof SifonError ? ADVICE[at.code] : undefined;
    const text = typeof advice === "function" ? advice((at as SifonError).details) : advice;
    if (text) return `${message} ${text}`;
  }
  return message;
}
