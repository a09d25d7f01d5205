/** A whole number as a flag of Go's takes it: base 0 is decimal, `0x`, `0o`, `0b` or a leading 0, `_` between digits. */
export interface GoIntegerType {
  readonly signed: boolean;
  readonly bits: 32 | 64;
  readonly base: 0 | 10;
}

export const INT: GoIntegerType = { signed: true, bits: 64, base: 0 };
export const INT32: GoIntegerType = { signed: true, bits: 32, base: 0 };
export const UINT32: GoIntegerType = { signed: false, bits: 32, base: 0 };

/** Go's strconv.ParseInt and ParseUint: the number, or what they say is wrong with the text. */
export function parseGoInteger(text: string, { signed, bits, base }: GoIntegerType): bigint | string {
  const refuse = (reason: string) =>
    `strconv.${signed ? "ParseInt" : "ParseUint"}: parsing ${JSON.stringify(text)}: ${reason}`;
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const magnitude = sign !== "" && !signed ? undefined : base === 10 ? decimal(digits) : anyBase(digits);
  if (magnitude === undefined) return refuse("invalid syntax");
  const value = sign === "-" ? -magnitude : magnitude;
  const fits = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  return fits === value ? value : refuse("value out of range");
}

function decimal(digits: string): bigint | undefined {
  return /^\d+$/.test(digits) ? BigInt(digits) : undefined;
}

/** Go's specification, "Integer literals": `_` may stand behind a prefix and between digits. */
function anyBase(digits: string): bigint | undefined {
  const plain = digits.replaceAll("_", "");
  if (/^(?:0|[1-9](?:_?\d)*)$/.test(digits)) return BigInt(plain);
  if (/^0(?:_?[0-7])+$/.test(digits)) return BigInt(`0o${plain}`);
  const prefixed = /^0(?:x(?:_?[\da-f])+|o(?:_?[0-7])+|b(?:_?[01])+)$/i.test(digits);
  return prefixed ? BigInt(plain.toLowerCase()) : undefined;
}
