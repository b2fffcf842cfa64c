-- Claims ids that this partition's hashes name, and takes events of this partition's users: deduplicates, counts and logs them,
-- all in one step. [DEDUP-3]
-- ARGV: now, epoch and position that the caller has seen, bytes of the log,
--       hashes of claims (9 bytes each), their partitions (1 byte each), proofs of lapse (a double each; 0: none),
--       hashes of events (9 bytes each), their facts (time and deadline as doubles, type as a byte), lengths (u32 each), bytes
--       joined by commas, and their user ids, one argument each.
-- Returns: a byte for each claim (255: yours; else the partition that has it), a byte for each event (a Verdict), and the state.
local seenEpoch, seenNext, logLimit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local claimHashes, claimOwners, claimProofs = ARGV[5], ARGV[6], ARGV[7]
local hashes, facts, lengths, bytes = ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local FIRST_USER = 12
local FACT_BYTES = 17

local MINE = 255
-- Milliseconds after a claim at which the request that made it can no longer have its events counted.
local DEADLINE = 10000
local ACCEPTED, LATE, DUPLICATE, UNAVAILABLE = 1, 2, 3, 6

local state = readState()
state.clock = math.max(state.clock, tonumber(ARGV[1]))
-- The engine has lost positions that were handed out: what was after them is another history.
if seenEpoch == state.epoch and seenNext > state.next then
  state.epoch = state.epoch + 1
  state.next = seenNext
end
renewTables(state)
state.appended = state.clock
local dropped = moveWindows(state)

local ids, claims = openIds(state), openClaims(state)
claims:load(claimHashes)
ids:load(hashes)

local claimed = {}
for i = 1, #claimOwners do
  local hash = string.sub(claimHashes, (i - 1) * HASH_BYTES + 1, i * HASH_BYTES)
  local owner = string.byte(claimOwners, i)
  local at, bucket = claims:find(hash)
  local value = claims.values[bucket]
  if at and not claims.isFresh(value, at + CLAIM_BYTES - 1) then
    claims:put(bucket, hash .. string.char(owner) .. claims.stamp, at)
    claimed[i] = MINE
  elseif at then
    local other = string.byte(value, at + HASH_BYTES)
    local age = claims.ageOf(value, at + CLAIM_BYTES - 1)
    local unitEnd = (math.floor(state.clock / CLAIM_UNIT) - age + 1) * CLAIM_UNIT
    -- The owner's partition has said at this time that the id is not counted there.
    local proof = struct.unpack('<d', claimProofs, (i - 1) * 8 + 1)
    if other == owner then
      -- Renewed, so that it ends after the id that it leads to, and so that nobody takes it over before this request's deadline.
      if age > 0 then claims:put(bucket, hash .. string.char(owner) .. claims.stamp, at) end
      claimed[i] = MINE
    elseif proof > unitEnd + DEADLINE then
      claims:put(bucket, hash .. string.char(owner) .. claims.stamp, at)
      claimed[i] = MINE
    else
      claimed[i] = other
    end
  else
    claims:put(bucket, hash .. string.char(owner) .. claims.stamp)
    claimed[i] = MINE
  end
end

local reach = state.from3 * HOUR
local verdicts, types = {}, {}
local taken = 0
local latest, latestUsers = {}, {}
local hours, hourList = {}, {}
local minutes = {}
local days = {}
for i = 1, #hashes / HASH_BYTES do
  local hash = string.sub(hashes, (i - 1) * HASH_BYTES + 1, i * HASH_BYTES)
  local time, deadline, kind = struct.unpack('<ddB', facts, (i - 1) * FACT_BYTES + 1)
  types[i] = string.char(kind)
  if deadline < state.clock then
    verdicts[i] = UNAVAILABLE
  else
    local at, bucket = ids:find(hash)
    if at and ids.isFresh(ids.values[bucket], at + ID_BYTES - 1) then
      verdicts[i] = DUPLICATE
    else
      ids:put(bucket, hash .. ids.stamp, at)
      taken = taken + 1
      if time < reach then
        verdicts[i] = LATE
      else
        verdicts[i] = ACCEPTED
        local user = ARGV[FIRST_USER + i - 1]
        local hour = math.floor(time / HOUR)
        local minute = math.floor(time / 60000) % 60
        if not latest[user] then latestUsers[#latestUsers + 1] = user end
        latest[user] = math.max(latest[user] or 0, time)
        state.newest = math.max(state.newest, time)
        local entry = hours[hour]
        if not entry then
          entry = { users = {}, counts = {} }
          hours[hour] = entry
          hourList[#hourList + 1] = hour
          minutes[hour] = {}
        end
        if not entry.counts[user] then entry.users[#entry.users + 1] = user end
        entry.counts[user] = (entry.counts[user] or 0) + 1
        local cell = kind * 60 + minute
        minutes[hour][cell] = (minutes[hour][cell] or 0) + 1
        local day = math.floor(hour / 24)
        days[day] = days[day] or {}
        cell = kind * 24 + hour % 24
        days[day][cell] = (days[day][cell] or 0) + 1
      end
    end
  end
end
ids:resize()
claims:resize()

-- The users' entries of each hour, and by how much the totals of the windows change.
local change, changeUsers = { {}, {}, {} }, { {}, {}, {} }
local function addTo(w, user, count)
  if not change[w][user] then
    change[w][user] = 0
    changeUsers[w][#changeUsers[w] + 1] = user
  end
  change[w][user] = change[w][user] + count
end
for _, hour in ipairs(hourList) do
  local entry = hours[hour]
  local old = redis.call('HMGET', BASE .. 'u' .. hour, unpack(entry.users))
  entry.fields = {}
  for i, user in ipairs(entry.users) do
    local value = tonumber(old[i] or nil) or 0
    local count = entry.counts[user]
    for w = 1, 3 do
      if hour >= state['from' .. w] then
        addTo(w, user, count)
      elseif not hasFlag(value, w) then
        if hour >= state['retiring' .. w] and hour >= state['cleared' .. w] and countOf(value) > 0 then addTo(w, user, -countOf(value)) end
        value = value + FLAGS[w]
      end
    end
    entry.fields[2 * i - 1] = user
    entry.fields[2 * i] = value + count * 8
  end
  redis.call('STRLEN', BASE .. 'm' .. hour)
end
for day in pairs(days) do redis.call('STRLEN', BASE .. 'h' .. day) end
local totals = {}
for w = 1, 3 do
  local old = readTotals(w, changeUsers[w])
  totals[w] = {}
  for i, user in ipairs(changeUsers[w]) do
    totals[w][i] = (dropped[w] and 0 or tonumber(old[i] or nil) or 0) - change[w][user]
  end
end
for w = 1, 3 do if dropped[w] then redis.call('EXISTS', BASE .. 'top' .. w) end end
redis.call('ZCARD', BASE .. 'seen')
redis.call('XLEN', BASE .. 'log')

-- From here on it writes.
claims:write()
ids:write()
for w = 1, 3 do
  if dropped[w] then redis.call('UNLINK', BASE .. 'top' .. w) end
  writeTotals(w, changeUsers[w], totals[w])
end
local function count(key, cells)
  local command = { 'BITFIELD', key, 'OVERFLOW', 'SAT' }
  for cell, n in pairs(cells) do
    local at = #command
    command[at + 1], command[at + 2], command[at + 3], command[at + 4] = 'INCRBY', 'u32', '#' .. cell, n
  end
  redis.call(unpack(command))
  redis.call('PEXPIRE', key, KEY_LIFETIME)
end
for _, hour in ipairs(hourList) do
  redis.call('HSET', BASE .. 'u' .. hour, unpack(hours[hour].fields))
  redis.call('PEXPIRE', BASE .. 'u' .. hour, KEY_LIFETIME)
  count(BASE .. 'm' .. hour, minutes[hour])
end
for day, cells in pairs(days) do count(BASE .. 'h' .. day, cells) end
if #latestUsers > 0 then
  local command = {}
  for i, user in ipairs(latestUsers) do
    command[2 * i - 1] = latest[user]
    command[2 * i] = user
  end
  redis.call('ZADD', BASE .. 'seen', 'GT', unpack(command))
end

for i, verdict in ipairs(verdicts) do verdicts[i] = string.char(verdict) end
verdicts = table.concat(verdicts)
if taken > 0 then
  redis.call('XADD', BASE .. 'log', (state.next + 1) .. '-0', 't', state.clock, 'n', taken, 'v', verdicts, 'l', lengths, 'y', table.concat(types), 'b', bytes)
  state.next = state.next + taken
  state.bytes = state.bytes + #bytes
end
-- The oldest entries leave the log, a few a call; the newest one always stays.
local length = redis.call('XLEN', BASE .. 'log')
if state.bytes > logLimit and length > 1 then
  for _, entry in ipairs(redis.call('XRANGE', BASE .. 'log', '-', '+', 'COUNT', math.min(16, length - 1))) do
    if state.bytes <= logLimit then break end
    state.bytes = state.bytes - #entry[2][12]
    state.first = tonumber(string.match(entry[1], '^%d+')) - 1 + tonumber(entry[2][4])
    redis.call('XDEL', BASE .. 'log', entry[1])
  end
end

state.ids, state.idsHeld, state.claims, state.claimsHeld = ids.buckets, ids.held, claims.buckets, claims.held
writeState(state)
for i, owner in ipairs(claimed) do claimed[i] = string.char(owner) end
return { table.concat(claimed), verdicts, tostring(state.epoch), tostring(state.next), tostring(state.first), tostring(state.bytes), string.format('%.0f', state.clock), isPending(state), string.format('%.0f', state.idsHeld) }
