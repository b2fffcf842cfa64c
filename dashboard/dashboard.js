/** The page: puts its parts together, and lets them work only while somebody looks. */
import { AccessKey } from './access-key.js'
import { Api } from './api.js'
import { TIME_WINDOWS } from './board.js'
import { Chart } from './chart.js'
import { element, open, write } from './elements.js'
import { EventDialog } from './event-dialog.js'
import { Feed } from './feed.js'
import { FirstEvent } from './first-event.js'
import { clockTime } from './formats.js'
import { Painter } from './painter.js'
import { RejectionsView } from './rejections-view.js'
import { Repeated } from './repeated.js'
import { ServiceView } from './service-view.js'
import { TailView } from './tail-view.js'
import { UserDialog } from './user-dialog.js'
import { UsersView } from './users-view.js'
import { WINDOW_NAMES, WindowsView } from './windows-view.js'

/** @import { Event, TimeWindow } from '../schemas/index.ts' */

/** What a gap means to whoever looks. @type {Record<string, string>} */
const GAPS = {
  other_history: 'The service has started anew without what it had before: its store keeps nothing over a restart. The figures begin again.',
  not_retained: 'Some events are no longer kept and are missing in the live events. The figures were loaded anew and are exact.',
  too_slow: 'Events came faster than this page could take them, and some are missing in the live events. The figures were loaded anew and are exact.'
}

const api = new Api()
const service = new ServiceView()
const chart = new Chart()
const rejections = new RejectionsView()
const firstEvent = new FirstEvent(api)
const eventDialog = new EventDialog((user) => userDialog.show(user))
const showEvent = (/** @type {Event} */ event) => eventDialog.show(event)
const tail = new TailView(showEvent)
const userDialog = new UserDialog(api, showEvent, (user) => tail.follow(user))
const users = new UsersView((user) => userDialog.show(user))
const windows = new WindowsView(choose)
const painter = new Painter(draw)
const notice = element('notice')

/** @type {TimeWindow} */
let chosen = TIME_WINDOWS.find((window) => location.hash === `#${window}`) ?? '1h'
/** Whether there may be other counts of users than those that are shown. */
let isUsersOld = true
/** When figures came last. */
let heardAt = Date.now()
let isOpen = false

const feed = new Feed(api, {
  onChange: () => {
    heardAt = Date.now()
    element('board').hidden = false
    painter.mark()
  },
  onEvents: (events, areNew) => {
    heardAt = Date.now()
    isUsersOld = true
    if (!areNew) tail.clear()
    tail.tail.push(events)
    if (!areNew) tail.refill()
    painter.mark()
  },
  onGap: (reason) => {
    const text = GAPS[reason] ?? `Some events are missing (${reason}). The figures were loaded anew.`
    say(text)
    tail.break('Events are missing here.')
    isUsersOld = true
    painter.mark()
  },
  onState: showState
})

const userCounts = new Repeated(async () => {
  feed.advance()
  painter.mark()
  if (!isOpen || !isUsersOld || feed.board.window(chosen) === undefined) return
  isUsersOld = false
  const window = chosen
  const counts = await api.get('analytics/users', { window })
  if (window === chosen) users.draw(counts)
}, 3000)

const serviceState = new Repeated(async () => {
  if (!isOpen) return
  service.draw(await api.get('health'))
  rejections.draw(await api.get('events/rejections'))
}, 5000)

/** Draws what has changed. */
function draw() {
  const { board, series, rate } = feed
  windows.draw(board)
  if (series !== undefined) chart.draw(series, chosen)
  tail.draw(rate.perSecond(performance.now()))
  const isEmpty = board.isEmpty && tail.tail.newest(1).length === 0
  if (firstEvent.draw(isEmpty) && !isEmpty) userCounts.start() // at once
  element('board').classList.toggle('empty', isEmpty)
}

/** @param {TimeWindow} window */
function choose(window) {
  chosen = window
  history.replaceState(null, '', `#${window}`)
  windows.choose(window)
  feed.choose(window)
  const interval = window === '1h' ? 'minute' : 'hour'
  write(element('chart-title'), `Events per ${interval}, ${WINDOW_NAMES[window].toLowerCase()}`)
  write(element('users-span'), WINDOW_NAMES[window].toLowerCase())
  isUsersOld = true
  userCounts.start()
}

/** @param {string} state @param {{ failure?: { status?: number, code?: string, detail: string } }} why */
function showState(state, { failure }) {
  const wasOpen = isOpen
  isOpen = state === 'open'
  element('board').classList.toggle('stale', !isOpen)
  if (state === 'open') {
    service.connection('ok', 'Live')
    accessKey.hide(api.key !== '')
    if (!wasOpen) for (const work of [userCounts, serviceState]) work.start()
  } else if (state === 'refused') {
    refuse(failure)
  } else if (state !== 'closed') {
    const since = element('board').hidden ? '' : ` These are the figures of ${clockTime(heardAt)}.`
    const why = failure?.status === undefined ? '' : ` (${failure.detail})`
    if (state === 'waiting') service.connection('bad', `Not connected${why}, trying again.${since}`)
  }
}

/** The service does not let us in. @param {{ status?: number, code?: string, detail: string } | undefined} failure */
function refuse(failure) {
  const { status, code, detail } = failure ?? { detail: 'no reason given', status: 0, code: '' }
  if (status !== 401 && code !== 'forbidden') {
    service.connection('bad', 'Refused')
    say(`The service refuses this page: ${detail}.`)
    return
  }
  service.connection('wait', 'Waiting for a key')
  const wrong = code === 'forbidden' ? 'This key may send events but not read them.' : 'The service does not know this key.'
  accessKey.ask(api.key === '' ? '' : wrong)
}

/** @param {string} text empty for nothing */
function say(text) {
  notice.hidden = text === ''
  write(/** @type {Element} */ (notice.querySelector('.text')), text)
}

const accessKey = new AccessKey((key) => {
  api.key = key
  element('board').hidden = true
  feed.clear()
  tail.clear()
  start()
})

function start() {
  if (document.hidden) return
  try {
    feed.start()
  } catch (error) {
    accessKey.ask(`This cannot be a key: ${/** @type {Error} */ (error).message}.`)
  }
}

/** Nobody looks: nothing is asked for, and nothing is sent. What is missed is loaded anew. */
function stop() {
  isOpen = false
  feed.stop()
  for (const work of [userCounts, serviceState]) work.stop()
}

document.addEventListener('visibilitychange', () => document.hidden ? stop() : start())
addEventListener('pageshow', ({ persisted }) => { if (persisted) start() })
addEventListener('pagehide', stop)
notice.querySelector('button')?.addEventListener('click', () => say(''))
element('chart-table-open').addEventListener('click', () => {
  chart.writeTable()
  open(/** @type {HTMLDialogElement} */ (element('table-dialog')))
})

api.key = accessKey.kept
choose(chosen)
start()
