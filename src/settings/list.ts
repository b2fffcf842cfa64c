/** Settings that are lists: items separated by commas, each read on its own, every mistake found at once. */

/** What is wrong with one item, as a sentence that follows the name of the setting. */
export class ItemMistake extends Error {
  override name = 'ItemMistake'
}

/** What a list holds, and what is wrong with it. */
export interface ListReading<T> {
  items: T[]
  mistakes: string[]
}

/** Reads the text of a list. */
export type ListReader<T> = (text: string) => ListReading<T>

/**
 * Makes the reader of a list. Whitespace around an item and empty items do not count.
 * @param readItem gets an item and its place among the items, from 1; throws ItemMistake
 * @param isEmptyMistake what a list without any item is told; without it such a list is fine
 */
export function listReader<T>(readItem: (item: string, place: number) => T, isEmptyMistake?: string): ListReader<T> {
  return (text) => {
    const items: T[] = []
    const mistakes: string[] = []
    let place = 0
    for (const item of text.split(',').map((piece) => piece.trim()).filter((piece) => piece !== '')) {
      try {
        items.push(readItem(item, ++place))
      } catch (error) {
        if (!(error instanceof ItemMistake)) throw error
        mistakes.push(error.message)
      }
    }
    if (place === 0 && isEmptyMistake !== undefined) mistakes.push(isEmptyMistake)
    return { items, mistakes }
  }
}
