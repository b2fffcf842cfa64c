/** As much of WebAssembly's JavaScript interface as is used here; Node's types have none of it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }

  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, (...numbers: number[]) => unknown>>)
    readonly exports: object
  }

  class Memory {
    constructor(size: { initial: number, maximum: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }

  interface Global {
    readonly value: number
  }
}
