/** The part of cluster-key-slot that is used; the package has no types of its own. */
declare module 'cluster-key-slot' {
  /** The slot of a key, or of the hash tag in it. */
  export default function slotOf(key: string): number
}
