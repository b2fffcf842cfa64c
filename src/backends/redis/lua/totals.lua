-- Users' counts. `w<hour>` holds what was counted in an hour and is not yet part of the totals; `waiting` lists those hours. Upkeep
-- folds it into `u<hour>`, the hour's counts, and into the totals of the windows that the hour is in, `top1` to `top3`. When an hour has
-- left a window, it is retired from the window's totals. An answer is given when both are done, so that totals cost nothing
-- while nobody asks.
--
-- An entry of `u<hour>` is count * 8 + flags; flag w says that the count is no part of window w's totals.
local FLAGS = { 1, 2, 4 }
local function hasFlag(entry, w) return floor(entry / FLAGS[w]) % 2 == 1 end
local function countOf(entry) return floor(entry / 8) end

-- Lets the windows move on to the present. Where no counted event is left in one, its totals are dropped at once.
local function moveWindows(state)
  local hours = firstHours(state)
  for w = 1, 3 do
    local from = hours[w]
    if not state['from' .. w] then
      state['from' .. w], state['retiring' .. w], state['scan' .. w], state['cleared' .. w] = from, from, 0, 0
    elseif from > state['from' .. w] then
      state['from' .. w] = from
      if floor(state.newest / HOUR) < from then
        state['retiring' .. w], state['scan' .. w], state['cleared' .. w] = from, 0, from
        call('UNLINK', BASE .. 'top' .. w)
      end
    end
  end
end

-- Scores of totals are negative, so that a sorted set lists most events first and ties by id.
local function readTotals(w, users)
  if #users == 0 then return {} end
  return call('ZMSCORE', BASE .. 'top' .. w, unpack(users))
end

-- Adds to totals, which were read before; counts may be negative.
local function addToTotals(w, users, counts, old)
  local add, remove = {}, {}
  for i, user in ipairs(users) do
    local total = (tonumber(old[i] or nil) or 0) - counts[i]
    if total == 0 then
      remove[#remove + 1] = user
    else
      add[#add + 1] = text(total)
      add[#add + 1] = user
    end
  end
  if #add > 0 then call('ZADD', BASE .. 'top' .. w, unpack(add)) end
  if #remove > 0 then call('ZREM', BASE .. 'top' .. w, unpack(remove)) end
end

-- Folds a piece of an hour's waiting counts; it reads everything before it writes. Returns how many entries it looked at.
local function foldHour(state, hour, most)
  local waiting, key = BASE .. 'w' .. hour, BASE .. 'u' .. hour
  local reply = call('HSCAN', waiting, '0', 'COUNT', most)
  local users, counts = {}, {}
  for i = 1, #reply[2], 2 do
    users[#users + 1] = reply[2][i]
    counts[#counts + 1] = tonumber(reply[2][i + 1])
  end
  if #users == 0 then
    call('ZREM', BASE .. 'waiting', hour)
    return 1
  end
  local old = call('HMGET', key, unpack(users))
  local fields, entries, changes = {}, {}, {}
  for i = 1, #users do entries[i] = tonumber(old[i] or nil) or 0 end
  for w = 1, 3 do
    local changed, by = {}, {}
    local isIn = hour >= state['from' .. w]
    local isRetiring = hour >= state['retiring' .. w] and hour >= state['cleared' .. w]
    for i, user in ipairs(users) do
      if isIn then
        changed[#changed + 1], by[#by + 1] = user, counts[i]
      elseif not hasFlag(entries[i], w) then
        if isRetiring and countOf(entries[i]) > 0 then changed[#changed + 1], by[#by + 1] = user, -countOf(entries[i]) end
        entries[i] = entries[i] + FLAGS[w]
      end
    end
    changes[w] = { changed, by, readTotals(w, changed) }
  end
  for w = 1, 3 do addToTotals(w, unpack(changes[w])) end
  for i, user in ipairs(users) do
    fields[2 * i - 1], fields[2 * i] = user, text(entries[i] + counts[i] * 8)
  end
  call('HSET', key, unpack(fields))
  call('PEXPIRE', key, KEY_LIFETIME)
  call('HDEL', waiting, unpack(users))
  return #users
end

-- Retires a piece of the oldest hour that has left a window. Returns how many entries it looked at.
local function retireHour(state, w, most)
  local hour = state['retiring' .. w]
  local key = BASE .. 'u' .. hour
  local reply = call('HSCAN', key, text(state['scan' .. w]), 'COUNT', most)
  local users, counts, flagged = {}, {}, {}
  for i = 1, #reply[2], 2 do
    local entry = tonumber(reply[2][i + 1])
    if not hasFlag(entry, w) then
      if hour >= state['cleared' .. w] then users[#users + 1], counts[#counts + 1] = reply[2][i], -countOf(entry) end
      flagged[#flagged + 1] = reply[2][i]
      flagged[#flagged + 1] = text(entry + FLAGS[w])
    end
  end
  addToTotals(w, users, counts, readTotals(w, users))
  if #flagged > 0 then call('HSET', key, unpack(flagged)) end
  state['scan' .. w] = tonumber(reply[1])
  if state['scan' .. w] == 0 then
    state['retiring' .. w] = hour + 1
    if w == 3 then call('UNLINK', key) end
  end
  return 1 + #reply[2] / 2
end
