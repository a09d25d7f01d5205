import type { Script } from "../deffile/definition.ts";

/**
 * The file that a section's script becomes: its interpreter's line, a blank line, the script. The first line names the
 * interpreter where it begins with `#!`; the section's arguments follow it.
 */
export function scriptFile(script: Pick<Script, "text" | "arguments">): string {
  const end = script.text.indexOf("\n");
  const first = script.text.slice(0, end).trim();
  const [interpreter, body] = first.startsWith("#!") ? [first, script.text.slice(end + 1)] : ["#!/bin/sh", script.text];
  return `${interpreter}${script.arguments === "" ? "" : ` ${script.arguments}`}\n\n${body}\n`;
}
