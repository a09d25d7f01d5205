/** A little-endian field of a fixed-layout record. */
export interface Field<T> {
  readonly size: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
}

/** A packed little-endian record; one table serves reading and writing. */
export interface Struct<T extends object> {
  /** Bytes of the whole record. */
  readonly size: number;
  /** Where each field begins, from the start of the record. */
  readonly offsets: Readonly<Record<keyof T, number>>;
  /** Decodes `size` bytes at `offset`; throws RangeError when they are not all there. */
  read(bytes: Uint8Array, offset?: number): T;
  /** As `read`, for who has a view already: it may reach further than the record. */
  readView(view: DataView, offset: number): T;
  /** Encodes into a new array of `size` bytes. */
  encode(value: T): Uint8Array;
  /** Encodes into `target` at `offset`. */
  write(target: Uint8Array, offset: number, value: T): void;
  /** Encodes at a view's `offset`: for records by the million, without a view of its own for each. */
  put(view: DataView, offset: number, value: T): void;
}

export const u8: Field<number> = {
  size: 1,
  read: (v, o) => v.getUint8(o),
  write: (v, o, x) => v.setUint8(o, x),
};

export const u16: Field<number> = {
  size: 2,
  read: (v, o) => v.getUint16(o, true),
  write: (v, o, x) => v.setUint16(o, x, true),
};

export const u32: Field<number> = {
  size: 4,
  read: (v, o) => v.getUint32(o, true),
  write: (v, o, x) => v.setUint32(o, x, true),
};

export const i32: Field<number> = {
  size: 4,
  read: (v, o) => v.getInt32(o, true),
  write: (v, o, x) => v.setInt32(o, x, true),
};

/** All 64 bits, for sentinels such as 2^64−1; `toSafeNumber` converts to a number, checked. */
export const u64: Field<bigint> = {
  size: 8,
  read: (v, o) => v.getBigUint64(o, true),
  write: (v, o, x) => v.setBigUint64(o, x, true),
};

export const i64: Field<bigint> = {
  size: 8,
  read: (v, o) => v.getBigInt64(o, true),
  write: (v, o, x) => v.setBigInt64(o, x, true),
};

/** A run of raw bytes; written short it is padded with zeros, written long it is a RangeError. Reading copies. */
export function bytes(size: number): Field<Uint8Array> {
  return {
    size,
    read: (v, o) => new Uint8Array(v.buffer, v.byteOffset + o, size).slice(),
    write: (v, o, x) => {
      if (x.length > size) throw new RangeError(`field holds ${size} bytes, not ${x.length}`);
      const target = new Uint8Array(v.buffer, v.byteOffset + o, size);
      target.set(x);
      target.fill(0, x.length);
    },
  };
}

/** Joins fields, in their order and without padding, into a record. */
export function struct<T extends object>(fields: { readonly [K in keyof T]: Field<T[K]> }): Struct<T> {
  const names = Object.keys(fields) as (keyof T)[];
  const offsets = {} as Record<keyof T, number>;
  let size = 0;
  for (const name of names) {
    offsets[name] = size;
    size += fields[name].size;
  }
  const viewOf = (b: Uint8Array, offset: number) => new DataView(b.buffer, b.byteOffset + offset, size);
  const put = (view: DataView, offset: number, value: T) => {
    for (const name of names) fields[name].write(view, offset + offsets[name], value[name]);
  };
  const write = (target: Uint8Array, offset: number, value: T) => {
    if (offset + size > target.length)
      throw new RangeError(`record needs ${size} bytes at ${offset}, only ${target.length} in all`);
    put(viewOf(target, offset), 0, value);
  };
  const readers = names.map((name) => ({ name, field: fields[name], offset: offsets[name] }));
  const readView = (view: DataView, offset: number): T => {
    const value = {} as T;
    for (const { name, field, offset: relativeOffset } of readers)
      value[name] = field.read(view, offset + relativeOffset);
    return value;
  };
  return {
    size,
    offsets,
    read(source, offset = 0) {
      if (offset + size > source.length)
        throw new RangeError(`record needs ${size} bytes at ${offset}, only ${source.length} in all`);
      return readView(viewOf(source, offset), 0);
    },
    readView,
    encode(value) {
      const target = new Uint8Array(size);
      write(target, 0, value);
      return target;
    },
    write,
    put,
  };
}

/** A 64-bit value as a number. Throws RangeError outside 0…2^53−1. */
export function toSafeNumber(value: bigint, what: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError(`${what} is ${value}, outside 0…2^53−1`);
  return Number(value);
}
