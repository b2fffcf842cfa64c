/** As much of WebAssembly's JavaScript interface as the scan is run with; Node's types have none of it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }

  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, (...numbers: number[]) => number>>)
    readonly exports: object
  }

  interface Memory {
    readonly buffer: ArrayBuffer
  }

  interface Global {
    readonly value: number
  }
}
