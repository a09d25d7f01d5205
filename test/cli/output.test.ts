import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { Context } from "../../src/cli/context.ts";
import { withOutput } from "../../src/cli/output.ts";
import { toByteString } from "../../src/index.ts";

/** What arrives on a standard output that is or is not a terminal. */
async function written(text: string, isTTY: boolean): Promise<Buffer> {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  await withOutput({ stdout } as unknown as Context, (output) => output.bytes(text));
  return stdout.read() as Buffer;
}

const HOSTILE = `${toByteString("naïve\u202etxt\u001b[2J\tx\n")}\x9b\xff\n`;

describe("withOutput()", () => {
  it("escapes what could drive a terminal, bytes of other encodings included", async () => {
    expect((await written(HOSTILE, true)).toString()).toBe("naïve\\u202etxt\\u001b[2J\tx\n\ufffd\ufffd\n");
  });

  it.each([
    ["in many small pieces", 3, 60_000],
    ["that fill the room exactly", 16_384, 8],
    ["one of which is larger than what is gathered", 70_000, 3],
  ])("gives all of a text, in its order, %s", async (_, length, count) => {
    const parts = Array.from({ length: count }, (_, i) => String.fromCharCode(i % 251).repeat(length));
    const stdout = new PassThrough();
    const [all] = await Promise.all([
      buffer(stdout),
      withOutput({ stdout } as unknown as Context, async (output) => {
        for (const part of parts) await output.bytes(part);
      }).then(() => stdout.end()),
    ]);
    expect(all.equals(Buffer.from(parts.join(""), "latin1"))).toBe(true);
  });

  it("gives a pipe the bytes as they are", async () => {
    expect(await written(HOSTILE, false)).toEqual(Buffer.from(HOSTILE, "latin1"));
  });
});
