/**
 * A text without these characters at its end. (The pattern `/x+$/` tries each run of them from each of its characters:
 * hours for a text that anybody may have written.)
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1] as string)) end--;
  return text.slice(0, end);
}
