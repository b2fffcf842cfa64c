import t from 'tap'
import { DIGIT, HEX, IN_STRING, IN_USER_ID, INVALID, IS_ESCAPE, UPPER_CASE } from '../../src/ingest/byte-classes.ts'

t.test('every byte is in its classes and in no other', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const letter = String.fromCharCode(byte)
    const digit = /^[0-9a-f]$/i.test(letter) ? Number.parseInt(letter, 16) : INVALID
    const wanted = {
      hex: digit | (/^[A-F]$/.test(letter) ? UPPER_CASE : 0),
      digit: /^[0-9]$/.test(letter) ? Number(letter) : INVALID,
      inString: byte >= 0x20 && letter !== '"' && letter !== '\\' ? 1 : 0,
      inUserId: /^[ -~]$/.test(letter) && letter !== '"' && letter !== '\\' ? 1 : 0,
      isEscape: /^["\\/bfnrt]$/.test(letter) ? 1 : 0
    }
    t.same({ hex: HEX[byte], digit: DIGIT[byte], inString: IN_STRING[byte], inUserId: IN_USER_ID[byte], isEscape: IS_ESCAPE[byte] }, wanted, `0x${byte.toString(16)}`)
  }
})
