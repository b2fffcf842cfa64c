/**
 * The compiled scan, made from `assembly/scan/` by `npm run wasm`: loads it, tells it what the schema says, and gives its memory
 * as the columns, the chunk and the output that it is.
 */
import { readFileSync } from 'node:fs'
import { EVENT_MAX_BYTES, EVENT_TYPES, PROPERTIES_MAX_DEPTH, USER_ID_MAX_LENGTH } from '../../schemas/index.ts'
import { dateOf, midnightOf } from './timestamp.ts'

/** The fields and the keys of properties that the scan knows, in the order in which it knows them. */
const FIELDS = ['event_id', 'user_id', 'event_type', 'timestamp', 'properties']
const PROPERTY_KEYS = ['page', 'amount', 'product_id', '__proto__']

/** Types with longer names are left to the slow path: a token has sixteen bytes. */
const LONGEST_TOKEN = 16

/** What `assembly/scan/scan.ts` does; see there. */
export interface ScanFunctions {
  run(at: number, stop: number, isLast: boolean, layout: number, latest: number, index: number, shift: number, room: number): number
  runEnd(): number
  isAtEvent(): number
  outputBytes(): number
  setLimits(eventBytes: number, userIdLength: number, propertiesDepth: number, types: number): void
}

/** The addresses and sizes of `assembly/scan/memory.ts`. */
type Constant = 'MOST_EVENTS' | 'CHUNK_BYTES' | 'PADDING_BYTES' | 'TOKEN_BYTES' | 'MASK' | 'LENGTH' | 'MOST_TYPES' | 'DEEPEST' |
  'FIELDS' | 'TYPES' | 'PROPERTIES' | 'IDS' | 'TIMES' | 'STARTS' | 'ENDS' | 'USER_STARTS' | 'USER_ENDS' | 'INDICES' | 'EVENT_TYPES' | 'CHUNK' | 'OUTPUT' | 'OUTPUT_BYTES'

type Exports = ScanFunctions & Record<Constant, WebAssembly.Global> & { memory: WebAssembly.Memory }

/** An instance of the compiled scan, which has a memory of its own. */
export class ScanModule {
  readonly functions: ScanFunctions
  /** All of the memory. */
  readonly memory: Buffer
  /** Most events of one run. */
  readonly mostEvents: number
  /** Most bytes of a chunk, and how many zeros there must be after one. */
  readonly chunkBytes: number
  readonly paddingBytes: number
  /** Address of the chunk. */
  readonly chunk: number
  /** Address of the canonical events. */
  readonly output: number
  // What a run finds out, as a batch has it.
  readonly ids: Uint32Array
  readonly times: Float64Array
  readonly types: Uint8Array
  readonly start: Uint32Array
  readonly end: Uint32Array
  readonly userStart: Uint32Array
  readonly userEnd: Uint32Array
  readonly index: Uint32Array

  /** @param types the types of events; a test passes its own */
  constructor(types: readonly string[] = EVENT_TYPES) {
    const module = new WebAssembly.Module(readFileSync(new URL('./scan.wasm', import.meta.url)))
    const exports = new WebAssembly.Instance(module, { timestamp: { midnightOf, dateOf } }).exports as Exports
    const { buffer } = exports.memory
    const constant = (name: Constant): number => exports[name].value
    const words = (name: Constant, width = 1): Uint32Array => new Uint32Array(buffer, constant(name), width * this.mostEvents)
    this.functions = exports
    this.memory = Buffer.from(buffer)
    this.mostEvents = constant('MOST_EVENTS')
    this.chunkBytes = constant('CHUNK_BYTES')
    this.paddingBytes = constant('PADDING_BYTES')
    this.chunk = constant('CHUNK')
    this.output = constant('OUTPUT')
    this.ids = words('IDS', 4)
    this.times = new Float64Array(buffer, constant('TIMES'), this.mostEvents)
    this.types = new Uint8Array(buffer, constant('EVENT_TYPES'), this.mostEvents)
    this.start = words('STARTS')
    this.end = words('ENDS')
    this.userStart = words('USER_STARTS')
    this.userEnd = words('USER_ENDS')
    this.index = words('INDICES')
    if (types.length > constant('MOST_TYPES') || PROPERTIES_MAX_DEPTH > constant('DEEPEST')) throw new RangeError('the scan has no room for this schema')
    exports.setLimits(EVENT_MAX_BYTES, USER_ID_MAX_LENGTH, PROPERTIES_MAX_DEPTH, types.length)
    const writeTokens = (name: Constant, texts: readonly string[]): void => {
      for (const [i, text] of texts.entries()) this.#writeToken(constant(name) + i * constant('TOKEN_BYTES'), constant('MASK'), constant('LENGTH'), text)
    }
    if (constant('OUTPUT') + constant('OUTPUT_BYTES') > buffer.byteLength) throw new RangeError('the memory of the scan is too small')
    writeTokens('FIELDS', FIELDS.map((field) => `"${field}"`))
    writeTokens('TYPES', types.map((type) => `"${type}"`))
    writeTokens('PROPERTIES', PROPERTY_KEYS.map((key) => `"${key}"`))
  }

  #writeToken(at: number, mask: number, length: number, text: string): void {
    const bytes = Buffer.from(text)
    // A byte that no body has makes a token that is nowhere.
    const known = bytes.length <= LONGEST_TOKEN ? bytes : Buffer.alloc(LONGEST_TOKEN, 0xff)
    this.memory.set(known, at)
    // What is written after a key.
    if (known.length < LONGEST_TOKEN) this.memory.write(':', at + known.length)
    this.memory.fill(0xff, at + mask, at + mask + known.length)
    this.memory.writeUInt32LE(bytes.length, at + length)
  }
}
