/**
 * Believable visitors of a shop. Each goes through a visit in an order that makes sense: looks at pages, clicks on
 * products, signs up before the first purchase, pays for what is in the basket. Many visits go on at a time.
 */
import type { Event } from '../schemas/index.ts'
import { pick, type Random } from './random.ts'

type Properties = NonNullable<Event['properties']> & Record<string, unknown>

/** What a visitor does next; the id and the time come when it happens. */
interface Action {
  event_type: Event['event_type']
  properties: Properties
}

interface Visitor {
  id: string
  signedUp: boolean
}

interface Visit {
  visitor: Visitor
  actions: Iterator<Action>
}

/** Visits that go on at a time. */
const VISITS = 40

/** Visitors who may come back; the one longest known gives way to a new one. */
const KNOWN_VISITORS = 5000

const LANDING_PAGES = ['/', '/', '/', '/sale', '/blog/how-to-brew', '/blog/beans-of-the-year']

const PRODUCTS = [
  { id: 'grinder', price: 89.9 },
  { id: 'kettle', price: 54.5 },
  { id: 'scale', price: 29 },
  { id: 'filter-papers', price: 4.75 },
  { id: 'beans-1kg', price: 21.4 },
  { id: 'mug', price: 12 }
]

const view = (page: string, more: Properties = {}): Action => ({ event_type: 'page_view', properties: { page, ...more } })
const click = (page: string, element: string, more: Properties = {}): Action => ({ event_type: 'click', properties: { page, element, ...more } })

/** One visit, from the first page to the last. */
function * visit(visitor: Visitor, random: Random): Generator<Action, void> {
  const basket: typeof PRODUCTS = []
  const landing = pick(random, LANDING_PAGES)
  yield view(landing)
  while (random() < 0.65) {
    const product = pick(random, PRODUCTS)
    const page = `/products/${product.id}`
    if (random() < 0.6) yield click(landing, 'product-card', { product_id: product.id })
    yield view(page, { product_id: product.id })
    if (random() < 0.3) {
      yield click(page, 'add-to-basket', { product_id: product.id })
      basket.push(product)
    }
  }
  if (basket.length === 0 || random() < 0.4) return
  yield view('/basket')
  if (!visitor.signedUp) {
    yield view('/signup')
    if (random() < 0.3) return
    visitor.signedUp = true
    yield { event_type: 'signup', properties: { page: '/signup' } }
  }
  yield click('/basket', 'check-out')
  for (const product of basket) yield { event_type: 'purchase', properties: { page: '/checkout', product_id: product.id, amount: product.price } }
  yield view('/thank-you')
}

/** An endless stream of events of visitors who come, go and come back. */
export class Traffic {
  readonly #random: Random
  readonly #newId: () => string
  readonly #known: Visitor[] = []
  readonly #visits: Visit[] = []
  #visitors = 0

  /** @param newId makes the ids of events and of visitors; each must be new */
  constructor(random: Random, newId: () => string) {
    this.#random = random
    this.#newId = newId
    while (this.#visits.length < VISITS) this.#visits.push(this.#newVisit())
  }

  /** The next event, as if it happened at this time. */
  next(now: Date): Event {
    for (;;) {
      const place = Math.floor(this.#random() * VISITS)
      const { visitor, actions } = this.#visits[place]
      const step = actions.next()
      if (step.done === true) {
        this.#visits[place] = this.#newVisit()
        continue
      }
      const { event_type, properties } = step.value
      return { event_id: this.#newId(), user_id: visitor.id, event_type, timestamp: now.toISOString(), properties }
    }
  }

  #newVisit(): Visit {
    const visitor = this.#known.length > 0 && this.#random() < 0.5 ? this.#freeVisitor() : this.#newVisitor()
    return { visitor, actions: visit(visitor, this.#random) }
  }

  /** Somebody known who is not here right now, or else somebody new: nobody is in two sessions at a time. */
  #freeVisitor(): Visitor {
    const visitor = pick(this.#random, this.#known)
    return this.#visits.some((visit) => visit.visitor === visitor) ? this.#newVisitor() : visitor
  }

  #newVisitor(): Visitor {
    const visitor = { id: `visitor-${this.#newId().slice(0, 8)}`, signedUp: false }
    this.#known[this.#visitors++ % KNOWN_VISITORS] = visitor
    return visitor
  }
}
