-- Claims ids that this partition's hashes name, and appends events of this partition's users: deduplicates, counts and logs them,
-- all in one step. [DEDUP-3]
-- ARGV: now, epoch and position that the caller has seen, bytes of the log,
--       hashes of claims (9 bytes each), their partitions (1 byte each), proofs of lapse (a double each; 0: none),
--       hashes of events (9 bytes each), deadlines (a double each), types (1 byte each), lengths (u32 each), bytes joined by
--       commas; then the times of the events as text, and then their user ids, one argument each.
-- Returns: a byte for each claim (255: yours; else the partition that has it), a byte for each event (a Verdict), and the state.
local seenEpoch, seenNext, logLimit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local claimHashes, claimOwners, claimProofs = ARGV[5], ARGV[6], ARGV[7]
local hashes, deadlines, types, lengths, bytes = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local events = #types
local FIRST_TIME = 12
local FIRST_USER = FIRST_TIME + events

-- Milliseconds after a claim at which the request that made it can no longer have its events counted.
local DEADLINE = 10000
local MINE = '\255'
local ACCEPTED, LATE, DUPLICATE, UNAVAILABLE = '\1', '\2', '\3', '\6'

local state = readState()
state.clock = max(state.clock, tonumber(ARGV[1]))
continueEpoch(state, seenEpoch, seenNext)
renewTables(state)
state.appended = state.clock

local ids, claims = openIds(state), openClaims(state)
local claimBuckets = loadBuckets(claims, numbersOf(claimHashes))
local idBuckets = loadBuckets(ids, numbersOf(hashes))

local claimed = {}
for i = 1, #claimOwners do
  local hash = sub(claimHashes, (i - 1) * HASH_BYTES + 1, i * HASH_BYTES)
  local owner = sub(claimOwners, i, i)
  local bucket = claimBuckets[i]
  local value = claims.values[bucket]
  local at = value ~= '' and findEntry(value, CLAIM_BYTES, hash)
  if not at then
    putEntry(claims, bucket, hash .. owner .. claims.stamp)
    claimed[i] = MINE
  else
    local age = claims.ageOf(value, at + CLAIM_BYTES - 1)
    local other = sub(value, at + HASH_BYTES, at + HASH_BYTES)
    -- The time at which the other partition said that it has not counted the id: its request can no longer do so.
    local proof = struct.unpack('<d', claimProofs, (i - 1) * 8 + 1)
    local unitEnd = (floor(state.clock / CLAIM_UNIT) - age + 1) * CLAIM_UNIT
    if other == owner and age == 0 then
      claimed[i] = MINE
    elseif other == owner or age > CLAIM_UNITS or proof > unitEnd + DEADLINE then
      -- An older one is renewed, so that it ends after the id that it leads to, and nobody takes it over before this deadline.
      putEntry(claims, bucket, hash .. owner .. claims.stamp, at)
      claimed[i] = MINE
    else
      claimed[i] = other
    end
  end
end

local reach = firstHours(state)[3] * HOUR
local verdicts = {}
local logged = 0
local latest, latestUsers = {}, {}
local hours, hourList, days = {}, {}, {}
local newest = state.newest
for i = 1, events do
  local hash = sub(hashes, (i - 1) * HASH_BYTES + 1, i * HASH_BYTES)
  local bucket = idBuckets[i]
  local value = ids.values[bucket]
  local at = value ~= '' and findEntry(value, ID_BYTES, hash)
  if struct.unpack('<d', deadlines, (i - 1) * 8 + 1) < state.clock then
    verdicts[i] = UNAVAILABLE
  elseif at and not ids.isStale(value, at + ID_BYTES - 1) then
    verdicts[i] = DUPLICATE
  else
    putEntry(ids, bucket, hash .. ids.stamp, at or nil)
    logged = logged + 1
    local time = tonumber(ARGV[FIRST_TIME + i])
    if time < reach then
      verdicts[i] = LATE
    else
      verdicts[i] = ACCEPTED
      local user = ARGV[FIRST_USER + i]
      local known = latest[user]
      if not known then latestUsers[#latestUsers + 1] = user end
      if not known or time > tonumber(ARGV[FIRST_TIME + known]) then latest[user] = i end
      if time > newest then newest = time end
      local kind = byte(types, i)
      local minute = floor(time / 60000)
      local hour = floor(minute / 60)
      local entry = hours[hour]
      if not entry then
        entry = { users = {}, counts = {}, minutes = {} }
        hours[hour] = entry
        hourList[#hourList + 1] = hour
        days[floor(hour / 24)] = days[floor(hour / 24)] or {}
      end
      local count = entry.counts[user]
      if not count then entry.users[#entry.users + 1] = user end
      entry.counts[user] = (count or 0) + 1
      local cell = kind * 60 + minute % 60
      entry.minutes[cell] = (entry.minutes[cell] or 0) + 1
      local day = days[floor(hour / 24)]
      cell = kind * 24 + hour % 24
      day[cell] = (day[cell] or 0) + 1
    end
  end
end
state.newest = newest
resizeTable(ids)
resizeTable(claims)

for _, hour in ipairs(hourList) do
  local entry = hours[hour]
  local old = call('HMGET', BASE .. 'w' .. hour, unpack(entry.users))
  local fields, counts = {}, entry.counts
  for i, user in ipairs(entry.users) do
    fields[2 * i - 1], fields[2 * i] = user, format('%d', (old[i] or 0) + counts[user])
  end
  entry.fields = fields
  call('STRLEN', BASE .. 'm' .. hour)
end
for day in pairs(days) do call('STRLEN', BASE .. 'h' .. day) end
call('ZCARD', BASE .. 'waiting')
call('ZCARD', BASE .. 'seen')
local length = call('XLEN', BASE .. 'log')

-- From here on it writes.
writeTable(claims)
writeTable(ids)
local function count(key, cells)
  local command = { 'BITFIELD', key, 'OVERFLOW', 'SAT' }
  local at = 4
  for cell, n in pairs(cells) do
    command[at + 1], command[at + 2], command[at + 3], command[at + 4] = 'INCRBY', 'u32', '#' .. format('%d', cell), format('%d', n)
    at = at + 4
  end
  call(unpack(command))
  call('PEXPIRE', key, KEY_LIFETIME)
end
for _, hour in ipairs(hourList) do
  local key = BASE .. 'w' .. hour
  call('HSET', key, unpack(hours[hour].fields))
  call('PEXPIRE', key, KEY_LIFETIME)
  call('ZADD', BASE .. 'waiting', hour, hour)
  count(BASE .. 'm' .. hour, hours[hour].minutes)
end
for day, cells in pairs(days) do count(BASE .. 'h' .. day, cells) end
if #latestUsers > 0 then
  local command = {}
  for i, user in ipairs(latestUsers) do
    command[2 * i - 1], command[2 * i] = ARGV[FIRST_TIME + latest[user]], user
  end
  call('ZADD', BASE .. 'seen', 'GT', unpack(command))
end

verdicts = concat(verdicts)
if logged > 0 then
  call('XADD', BASE .. 'log', text(state.next + 1) .. '-0', 't', text(state.clock), 'n', logged, 'v', verdicts, 'l', lengths, 'y', types, 'b', bytes)
  state.next = state.next + logged
  state.bytes = state.bytes + #bytes
  length = length + 1
end
-- The oldest entries leave the log, a few a call; the newest one always stays.
if state.bytes > logLimit and length > 1 then
  for _, entry in ipairs(call('XRANGE', BASE .. 'log', '-', '+', 'COUNT', min(16, length - 1))) do
    if state.bytes <= logLimit then break end
    state.bytes = state.bytes - #entry[2][12]
    state.first = tonumber(string.match(entry[1], '^%d+')) - 1 + tonumber(entry[2][4])
    call('XDEL', BASE .. 'log', entry[1])
  end
end

state.ids, state.idsHeld, state.claims, state.claimsHeld = ids.buckets, ids.held, claims.buckets, claims.held
writeState(state)
return { concat(claimed), verdicts, text(state.epoch), text(state.next), text(state.first), text(state.bytes), text(state.clock), text(state.idsHeld) }
