-- What every script of a partition begins with: its keys, its state and its windows. KEYS[1] is the hash that holds the state;
-- every other key of the partition has the same hash tag and lies in the same slot.
--
-- A script is not rolled back, and while a slot moves, a key that is not there makes a command fail. So `append` reads every key
-- that it may write before its first write: then it either fails before it has changed anything, or not at all.
local STATE = KEYS[1]
local BASE = string.sub(STATE, 1, -2)
local HOUR = 3600000
local DAY = 86400000
local WINDOWS = { HOUR, DAY, 7 * DAY }

-- Milliseconds after which keys of counters, users and ids go by themselves. Longer than anything reads them.
local KEY_LIFETIME = 10 * DAY

local FIELDS = { 'epoch', 'next', 'first', 'bytes', 'clock', 'newest', 'appended', 'era', 'ids', 'idsHeld', 'claims', 'claimsHeld',
  'from1', 'from2', 'from3', 'retiring1', 'retiring2', 'retiring3', 'scan1', 'scan2', 'scan3', 'cleared1', 'cleared2', 'cleared3' }

-- The partition's state; a field that was never written has its first value.
local function readState()
  local values = redis.call('HMGET', STATE, unpack(FIELDS))
  local state = {}
  for i, name in ipairs(FIELDS) do state[name] = tonumber(values[i] or nil) end
  state.epoch = state.epoch or 1
  state.next = state.next or 0
  state.first = state.first or 0
  state.bytes = state.bytes or 0
  state.clock = state.clock or 0
  state.newest = state.newest or 0
  state.era = state.era or 0
  state.ids = state.ids or 1
  state.idsHeld = state.idsHeld or 0
  state.claims = state.claims or 1
  state.claimsHeld = state.claimsHeld or 0
  return state
end

local function writeState(state)
  local fields = {}
  for _, name in ipairs(FIELDS) do
    if state[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = string.format('%.17g', state[name])
    end
  end
  redis.call('HSET', STATE, unpack(fields))
end

-- Lets the windows of the user counts move on to the present. Hours that have left a window are retired from its totals later,
-- some users at a time; where no counted event is left in it, the totals are dropped at once. Returns which were.
local function moveWindows(state)
  local dropped = {}
  for w = 1, 3 do
    local from = math.floor((state.clock - WINDOWS[w]) / HOUR)
    if not state['from' .. w] then
      state['from' .. w] = from
      state['retiring' .. w] = from
      state['scan' .. w] = 0
      state['cleared' .. w] = 0
    elseif from > state['from' .. w] then
      state['from' .. w] = from
      if math.floor(state.newest / HOUR) < from then
        dropped[w] = true
        state['retiring' .. w] = from
        state['scan' .. w] = 0
        state['cleared' .. w] = from
      end
    end
  end
  return dropped
end

local function isPending(state)
  for w = 1, 3 do if state['retiring' .. w] and state['retiring' .. w] < state['from' .. w] then return 1 end end
  return 0
end

-- A user's entry of an hour is count * 8 + flags; flag w says that the count is no part of window w's total.
local FLAGS = { 1, 2, 4 }
local function hasFlag(entry, w) return math.floor(entry / FLAGS[w]) % 2 == 1 end
local function countOf(entry) return math.floor(entry / 8) end

-- Scores of totals are negative, so that a sorted set lists most events first and ties by id.
local function readTotals(w, users)
  if #users == 0 then return {} end
  return redis.call('ZMSCORE', BASE .. 'top' .. w, unpack(users))
end

local function writeTotals(w, users, totals)
  local add, remove = {}, {}
  for i, user in ipairs(users) do
    if totals[i] == 0 then
      remove[#remove + 1] = user
    else
      add[#add + 1] = totals[i]
      add[#add + 1] = user
    end
  end
  if #add > 0 then redis.call('ZADD', BASE .. 'top' .. w, unpack(add)) end
  if #remove > 0 then redis.call('ZREM', BASE .. 'top' .. w, unpack(remove)) end
end
