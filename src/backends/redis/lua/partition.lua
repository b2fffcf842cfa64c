-- What every script of a partition begins with: its keys, its state and its windows. KEYS[1] is the hash that holds the state;
-- every other key of the partition has the same hash tag and lies in the same slot.
--
-- A script is not rolled back, and while a slot moves, a key that is not there makes a command fail. So `append` reads every key
-- that it may write before its first write: then it either fails before it has changed anything, or not at all.
local call, format, sub, byte, char, find = redis.call, string.format, string.sub, string.byte, string.char, string.find
local floor, min, max, concat = math.floor, math.min, math.max, table.concat

local STATE = KEYS[1]
local BASE = sub(STATE, 1, -2)
local HOUR = 3600000
local DAY = 86400000
local WINDOWS = { HOUR, DAY, 7 * DAY }

-- Milliseconds after which keys of counters, users and ids go by themselves. Longer than anything reads them.
local KEY_LIFETIME = 10 * DAY

local FIELDS = { 'epoch', 'next', 'first', 'bytes', 'clock', 'newest', 'appended', 'era', 'ids', 'idsHeld', 'claims', 'claimsHeld',
  'from1', 'from2', 'from3', 'retiring1', 'retiring2', 'retiring3', 'scan1', 'scan2', 'scan3', 'cleared1', 'cleared2', 'cleared3', 'replid', 'ends' }

-- What a field has that was never written; the others have nothing.
local INITIAL = { epoch = 1, next = 0, first = 0, bytes = 0, clock = 0, newest = 0, era = 0, ids = 1, idsHeld = 0, claims = 1, claimsHeld = 0 }

-- Numbers as text. Lua and Redis would write each with all digits of a floating-point number, which takes longer than its use.
local function text(n) return format('%.0f', n) end

-- Fields that are text. `replid` names the run of a server as a master that wrote last; `ends` says for the last epochs before the
-- present one at which position each ended.
local TEXTS = { replid = true, ends = true }

local function readState()
  local values = call('HMGET', STATE, unpack(FIELDS))
  local state = {}
  for i, name in ipairs(FIELDS) do
    if TEXTS[name] then state[name] = values[i] or ''
    else state[name] = tonumber(values[i] or nil) or INITIAL[name] end
  end
  return state
end

local function writeState(state)
  local fields = {}
  for _, name in ipairs(FIELDS) do
    if state[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = TEXTS[name] and state[name] or text(state[name])
    end
  end
  call('HSET', STATE, unpack(fields))
end

-- The name of this server's run as a master: another one after every start and every promotion.
local function replicationId()
  return string.match(call('INFO', 'replication'), 'master_replid:(%x+)')
end

-- The first hour of each window at the partition's present.
local function firstHours(state)
  return { floor((state.clock - WINDOWS[1]) / HOUR), floor((state.clock - WINDOWS[2]) / HOUR), floor((state.clock - WINDOWS[3]) / HOUR) }
end
