/**
 * The outside of msgpack values, for the path of every message: where a value ends, and the headers
 * of texts, bytes, lists and numbers. What is inside of a value that somebody wants to see is for
 * `Values`; a message that is only relayed costs no more than this.
 *
 * Bounded by the bytes there are: a header that announces more than what follows it is malformed, and
 * so is a value that nests deeper than `maxDepth`.
 */

/**
 * Lists in lists in lists, at most.
 *
 * @category models
 * @since 0.1.0
 */
export const maxDepth = 32

/**
 * Where the value that begins at `start` ends; -1 when it does not end within the bytes, or holds a
 * byte that begins no value.
 *
 * @category decoding
 * @since 0.1.0
 */
export const skip = (bytes: Uint8Array, start: number): number => {
  let position = start
  let depth = 0
  let left = 1
  for (;;) {
    while (left === 0) {
      if (depth === 0) return position
      left = outside[--depth]!
    }
    left--
    const end = shortEnd(bytes, position)
    if (end >= 0) {
      position = end
      continue
    }
    const header = readHeader(bytes, position)
    if (header === undefined) return -1
    position = header.end
    if (header.childCount === 0) continue
    if (depth === maxDepth) return -1
    outside[depth++] = left
    left = header.childCount
  }
}

/** While `skip` is in a value that holds others: how many are left behind it, at each depth. */
const outside = /* @__PURE__ */ new Float64Array(maxDepth)

/**
 * Where a value ends whose first byte tells, and that holds no others; -1 for the rest. A packed message may be
 * millions of these, for which no header shall be made.
 */
const shortEnd = (bytes: Uint8Array, offset: number): number => {
  const tag = bytes[offset]
  if (tag === undefined) return -1
  if (tag < 0x80 || tag >= 0xe0) return offset + 1
  if (tag < 0xa0) return (tag & 0x0f) === 0 ? offset + 1 : -1
  const size = tag < 0xc0 ? tag & 0x1f : tag === 0xc1 ? -1 : fixedBytes[tag - 0xc0]!
  return size < 0 || offset + 1 + size > bytes.length ? -1 : offset + 1 + size
}

/** What a value is, and where the part of it that is no further value begins and ends. */
interface Header {
  readonly kind: "bytes" | "text" | "list" | "value"
  readonly start: number
  readonly end: number
  /** The values that follow `end` and belong to this one. */
  readonly childCount: number
}

/**
 * The header of the value at `offset`; `undefined` when it does not fit into the bytes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readHeader = (bytes: Uint8Array, offset: number): Header | undefined => {
  const tag = bytes[offset]
  if (tag === undefined || tag === 0xc1) return undefined
  const next = offset + 1
  if (tag < 0x80 || tag >= 0xe0) return part(bytes, "value", next, 0)
  if (tag < 0x90) return children(bytes, "value", next, (tag & 0x0f) * 2)
  if (tag < 0xa0) return children(bytes, "list", next, tag & 0x0f)
  if (tag < 0xc0) return part(bytes, "text", next, tag & 0x1f)
  const fixed = fixedBytes[tag - 0xc0]!
  if (fixed >= 0) return part(bytes, "value", next, fixed)
  const sizeBytes = 1 << (-fixed - 1)
  if (next + sizeBytes > bytes.length) return undefined
  const size = readSize(bytes, next, sizeBytes)
  const start = next + sizeBytes
  if (tag <= 0xc6) return part(bytes, "bytes", start, size)
  // The type of an extension is one byte more.
  if (tag <= 0xc9) return part(bytes, "value", start, size + 1)
  if (tag <= 0xdb) return part(bytes, "text", start, size)
  return tag <= 0xdd ? children(bytes, "list", start, size) : children(bytes, "value", start, size * 2)
}

/** For each tag from 0xc0 on: how many bytes follow, or minus 1, 2, 3 for a size of 1, 2, 4 bytes. */
// dprint-ignore
const fixedBytes = [
  0, 0, 0, 0, -1, -2, -3, -1, -2, -3, 4, 8, 1, 2, 4, 8,
  1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -2, -3, -2, -3, -2, -3
] as const

const part = (bytes: Uint8Array, kind: Header["kind"], start: number, size: number): Header | undefined =>
  start + size > bytes.length ? undefined : { kind, start, end: start + size, childCount: 0 }

/** Each child takes a byte at least. */
const children = (bytes: Uint8Array, kind: Header["kind"], end: number, childCount: number): Header | undefined =>
  end + childCount > bytes.length ? undefined : { kind, start: end, end, childCount }

const readSize = (bytes: Uint8Array, offset: number, count: number): number => {
  let size = 0
  for (let i = 0; i < count; i++) size = size * 0x100 + bytes[offset + i]!
  return size
}

/**
 * The whole number at `offset` to `end`, one that JavaScript wrote as a float among them; `undefined`
 * for any other value. Fractions are cut off.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readInteger = (bytes: Uint8Array, offset: number, end: number): number | bigint | undefined => {
  const tag = bytes[offset]!
  if (tag < 0x80) return tag
  if (tag >= 0xe0) return tag - 0x100
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset + 1, end - offset - 1)
  switch (tag) {
    case 0xca:
      return whole(view.getFloat32(0))
    case 0xcb:
      return whole(view.getFloat64(0))
    case 0xcc:
      return view.getUint8(0)
    case 0xcd:
      return view.getUint16(0)
    case 0xce:
      return view.getUint32(0)
    case 0xcf:
      return narrow(view.getBigUint64(0))
    case 0xd0:
      return view.getInt8(0)
    case 0xd1:
      return view.getInt16(0)
    case 0xd2:
      return view.getInt32(0)
    case 0xd3:
      return narrow(view.getBigInt64(0))
    default:
      return undefined
  }
}

const whole = (float: number): number | bigint | undefined => {
  const integer = Math.trunc(float)
  if (!Number.isFinite(integer)) return undefined
  return Number.isSafeInteger(integer) ? integer : BigInt(integer)
}

const narrow = (integer: bigint): number | bigint => BigInt.asIntN(54, integer) === integer ? Number(integer) : integer

/**
 * How many bytes the header of a text or of bytes takes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const headerBytes = (kind: "bytes" | "text", size: number): number => {
  if (kind === "text" && size < 32) return 1
  return size < 0x100 ? 2 : size < 0x10000 ? 3 : 5
}

/**
 * Writes a text (as UTF-8) or bytes, in the shortest form; returns where it ends.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writePart = (kind: "bytes" | "text", content: Uint8Array, out: Uint8Array, offset: number): number => {
  const size = content.length
  let position = offset
  if (kind === "text" && size < 32) out[position++] = 0xa0 | size
  else {
    const first = kind === "text" ? 0xd9 : 0xc4
    position = size < 0x100
      ? writeSize(first, size, 1, out, position)
      : size < 0x10000
      ? writeSize(first + 1, size, 2, out, position)
      : writeSize(first + 2, size, 4, out, position)
  }
  out.set(content, position)
  return position + size
}

/**
 * How many bytes the header of a list of so many values takes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const listHeaderBytes = (count: number): number => count < 16 ? 1 : count < 0x10000 ? 3 : 5

/**
 * Writes the header of a list; returns where it ends.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writeListHeader = (count: number, out: Uint8Array, offset: number): number => {
  if (count >= 16) {
    return count < 0x10000 ? writeSize(0xdc, count, 2, out, offset) : writeSize(0xdd, count, 4, out, offset)
  }
  out[offset] = 0x90 | count
  return offset + 1
}

/**
 * A number from 0 to 2^64 - 1 in the shortest form. Throws a `RangeError` for any other.
 *
 * @category encoding
 * @since 0.1.0
 */
export const integer = (value: number | bigint): Uint8Array => {
  if (value < 0 || value > 0xffffffffffffffffn || (typeof value === "number" && !Number.isInteger(value))) {
    throw new RangeError(`a whole number from 0 to 2^64 - 1 is needed, not ${value}`)
  }
  if (value > 0xffffffff) {
    const out = new Uint8Array(9)
    out[0] = 0xcf
    new DataView(out.buffer).setBigUint64(1, BigInt(value))
    return out
  }
  const small = Number(value)
  if (small < 0x80) return Uint8Array.of(small)
  const sizeBytes = small < 0x100 ? 1 : small < 0x10000 ? 2 : 4
  const out = new Uint8Array(1 + sizeBytes)
  writeSize(sizeBytes === 1 ? 0xcc : sizeBytes === 2 ? 0xcd : 0xce, small, sizeBytes, out, 0)
  return out
}

const writeSize = (tag: number, size: number, count: number, out: Uint8Array, offset: number): number => {
  out[offset] = tag
  for (let i = count, rest = size; i > 0; i--) {
    out[offset + i] = rest
    rest = Math.floor(rest / 0x100)
  }
  return offset + 1 + count
}
