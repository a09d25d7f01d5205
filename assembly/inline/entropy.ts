// Fitted by least squares over [1, 2].
const LOG_A: f32 = 0.57725065;
const LOG_B: f32 = -0.15638611;

/**
 * c · log2(c) for four counts; 0 for 0. The logarithm is the exponent plus a cubic for the mantissa, exact
 * at powers of two and within 0.0011 between: plain IEEE operations, so the same on every machine.
 */
export function entropyTerm(counts: v128): v128 {
  const value = f32x4.convert_i32x4_u(counts);
  const exponent = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_u(value, 23), i32x4.splat(127)));
  const mantissa = v128.or(v128.and(value, i32x4.splat(0x7fffff)), i32x4.splat(0x3f800000));
  const slope = f32x4.add(f32x4.splat(LOG_A), f32x4.mul(f32x4.splat(LOG_B), mantissa));
  const bow = f32x4.mul(f32x4.sub(f32x4.splat(2), mantissa), slope);
  const log = f32x4.mul(f32x4.sub(mantissa, f32x4.splat(1)), f32x4.add(f32x4.splat(1), bow));
  return f32x4.mul(value, f32x4.add(exponent, log));
}

/** log2 of a positive number, with the same cubic. */
export function log2(value: f32): f32 {
  const bits = reinterpret<u32>(value);
  const exponent = <f32>(<i32>(bits >>> 23) - 127);
  const mantissa = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  return exponent + (mantissa - 1) * (1 + (2 - mantissa) * (LOG_A + LOG_B * mantissa));
}
