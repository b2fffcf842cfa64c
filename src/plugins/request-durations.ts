/**
 * How long requests took, as a histogram of Prometheus. prom-client's own looks up the labels of each observation by a text that it
 * makes of them; here they are looked up once a route and status, and an observation is two additions.
 */
const NAME = 'http_request_duration_seconds'

/** What requests are told apart by. */
export interface RequestLabels {
  method: string
  /** The pattern of the route. */
  route: string
  status_code: number
}

/** One line of the text format. */
interface Sample {
  metricName: string
  labels: Record<string, string | number>
  value: number
}

/** The requests of one set of labels. */
export class DurationSeries {
  readonly #labels: RequestLabels
  readonly #bounds: readonly number[]
  /** Requests between each bound and the one before it, and at last those above all. */
  readonly #counts: Float64Array
  #sum = 0

  constructor(labels: RequestLabels, bounds: readonly number[]) {
    this.#labels = labels
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** Counts a request. O(bounds). */
  observe(seconds: number): void {
    let i = 0
    while (i < this.#bounds.length && seconds > this.#bounds[i]) i++
    this.#counts[i]++
    this.#sum += seconds
  }

  /** The samples of a histogram: the cumulative buckets, their sum and their count. */
  * samples(): Generator<Sample> {
    let count = 0
    for (const [i, more] of this.#counts.entries()) {
      count += more
      yield { metricName: `${NAME}_bucket`, labels: { le: this.#bounds[i] ?? '+Inf', ...this.#labels }, value: count }
    }
    yield { metricName: `${NAME}_sum`, labels: { ...this.#labels }, value: this.#sum }
    yield { metricName: `${NAME}_count`, labels: { ...this.#labels }, value: count }
  }
}

/** All of them, as a registry asks for them. */
export class RequestDurations {
  readonly name = NAME
  readonly #bounds: readonly number[]
  readonly #series: DurationSeries[] = []

  /** @param bounds upper bounds of the buckets, in seconds, in order */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
  }

  /** The series of these labels, which nobody has asked for before. */
  add(labels: RequestLabels): DurationSeries {
    const series = new DurationSeries(labels, this.#bounds)
    this.#series.push(series)
    return series
  }

  async get() {
    const values = this.#series.flatMap((series) => [...series.samples()])
    return { name: NAME, help: 'How long requests took; of streams, how long they lasted.', type: 'histogram', aggregator: 'sum', values }
  }
}
