/** What kinds of bytes there are, in tables of 256 entries: looked up instead of compared. */

/** Marks a letter in upper case. */
export const UPPER_CASE = 0x10
/** Marks a byte that does not belong to its class. */
export const INVALID = 0x80

/** The value of a hexadecimal digit, marked where it is in upper case; INVALID for any other byte. */
export const HEX = new Uint8Array(256).fill(INVALID)
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  HEX[digit.toUpperCase().charCodeAt(0)] = UPPER_CASE | value
  HEX[digit.charCodeAt(0)] = value
}

/** The value of a decimal digit; INVALID for any other byte. */
export const DIGIT = HEX.map((value) => value > 9 ? INVALID : value)

/** 1 for the bytes of a string that stand for themselves; 0 for quotes, backslashes and control characters. */
export const IN_STRING = Uint8Array.from({ length: 256 }, (_, byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c ? 1 : 0)

/** 1 for those of them that are printable ASCII. */
export const IN_USER_ID = IN_STRING.map((ok, byte) => byte < 0x7f ? ok : 0)

/** 1 for the bytes that make an escape with the backslash before them alone. [RFC 8259 section 7] */
export const IS_ESCAPE = Uint8Array.from({ length: 256 }, (_, byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0)
