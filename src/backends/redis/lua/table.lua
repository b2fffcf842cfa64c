-- Hash tables of packed entries in string keys, each key a bucket: for ids and for claims. An entry begins with nine bytes of an
-- id's keyed hash and ends with a stamp; entries stand in order of their stamps, so that stale ones are at the front. The table
-- grows and shrinks one bucket at a time (linear hashing, W. Litwin 1980), so a bucket's fill stays about the same at any size.
-- The first four bytes of the hash choose the bucket; the caller hands them in as numbers.
local HASH_BYTES = 9

-- Mean entries of a bucket. Fewer cost more memory for keys, more cost more copying.
local FILL = 48

-- Most buckets that one call may split or merge.
local MOST_MOVES = 8

local function powerBelow(n)
  local power = 1
  while power * 2 <= n do power = power * 2 end
  return power
end

-- base: what the keys begin with; width: bytes of an entry; buckets: how many there are; held: an estimate of the entries;
-- isStale(value, last): by the stamp that ends at a byte; isOlder(a, lastA, b, lastB).
local function openTable(base, width, buckets, held, isStale, isOlder)
  return { base = base, width = width, buckets = buckets, size = powerBelow(buckets), held = held, isStale = isStale, isOlder = isOlder,
    values = {}, keys = {}, dirty = {}, sum = 0, adds = 0 }
end

-- Reads the buckets of some hashes, all at once. Returns the bucket of each.
local function loadBuckets(t, numbers)
  local values, keys, base, buckets, size = t.values, t.keys, t.base, t.buckets, t.size
  local double = 2 * size
  local at, missing, names = {}, {}, {}
  for i = 1, #numbers do
    local bucket = numbers[i] % double
    if bucket >= buckets then bucket = bucket - size end
    at[i] = bucket
    if not values[bucket] then
      values[bucket] = ''
      local key = base .. format('%d', bucket)
      keys[bucket] = key
      missing[#missing + 1] = bucket
      names[#names + 1] = key
    end
  end
  if #names > 0 then
    local found = call('MGET', unpack(names))
    for k = 1, #missing do values[missing[k]] = found[k] or '' end
  end
  return at
end

local function loadBucket(t, bucket)
  if not t.values[bucket] then
    t.keys[bucket] = t.base .. format('%d', bucket)
    t.values[bucket] = call('GET', t.keys[bucket]) or ''
  end
  return t.values[bucket]
end

-- Where the entry of a hash begins in a bucket.
local function findEntry(value, width, hash)
  local at = find(value, hash, 1, true)
  while at and (at - 1) % width ~= 0 do at = find(value, hash, at + 1, true) end
  return at
end

-- Puts an entry at the end of a bucket, in place of the one at `old` if there is one; stale entries go.
local function putEntry(t, bucket, entry, old)
  local value, width, isStale = t.values[bucket], t.width, t.isStale
  if old then value = sub(value, 1, old - 1) .. sub(value, old + width) end
  if value ~= '' and isStale(value, width) then
    local from = width + 1
    while from <= #value and isStale(value, from + width - 1) do from = from + width end
    value = sub(value, from)
  end
  value = value .. entry
  t.values[bucket] = value
  t.dirty[bucket] = true
  local share = (bucket < t.buckets - t.size or bucket >= t.size) and 2 * t.size or t.size
  t.sum = t.sum + #value / width * share
  t.adds = t.adds + 1
end

local function numberAt(value, at)
  local a, b, c, d = byte(value, at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function splitBucket(t)
  local i, j, width = t.buckets - t.size, t.buckets, t.width
  local value = loadBucket(t, i)
  loadBucket(t, j)
  local stay, go = {}, {}
  for at = 1, #value, width do
    if not t.isStale(value, at + width - 1) then
      local list = numberAt(value, at) % (2 * t.size) == j and go or stay
      list[#list + 1] = sub(value, at, at + width - 1)
    end
  end
  t.values[i], t.values[j] = concat(stay), concat(go)
  t.dirty[i], t.dirty[j] = true, true
  t.buckets = t.buckets + 1
  if t.buckets == 2 * t.size then t.size = t.buckets end
end

local function mergeBucket(t)
  t.buckets = t.buckets - 1
  t.size = powerBelow(t.buckets)
  local j = t.buckets
  local i = j - t.size
  local a, b, width = loadBucket(t, i), loadBucket(t, j), t.width
  local merged, at, bt = {}, 1, 1
  while at <= #a or bt <= #b do
    if at > #a or (bt <= #b and t.isOlder(b, bt + width - 1, a, at + width - 1)) then
      merged[#merged + 1] = sub(b, bt, bt + width - 1)
      bt = bt + width
    else
      merged[#merged + 1] = sub(a, at, at + width - 1)
      at = at + width
    end
  end
  t.values[i], t.values[j] = concat(merged), ''
  t.dirty[i], t.dirty[j] = true, true
end

-- Brings the number of buckets to the number of entries, as the buckets that were written let estimate it.
local function resizeTable(t)
  if t.adds == 0 then return end
  local weight = min(1, t.adds * max(1 / 1024, 8 / max(8, t.held)))
  t.held = t.held + (t.sum / t.adds - t.held) * weight
  for _ = 1, MOST_MOVES do
    if t.held > FILL * t.buckets then splitBucket(t)
    elseif t.buckets > 1 and t.held < FILL / 3 * t.buckets then mergeBucket(t)
    else return end
  end
end

local function writeTable(t)
  for bucket in pairs(t.dirty) do
    if t.values[bucket] == '' then call('UNLINK', t.keys[bucket])
    else call('SET', t.keys[bucket], t.values[bucket], 'PX', KEY_LIFETIME) end
  end
end

-- Stamps are short and come around again. A bucket ends KEY_LIFETIME after its last entry came, and where a partition has been
-- silent for as long as its ids live, its tables begin anew, so that no stale entry is ever taken for a fresh one.
local function renewTables(state)
  if state.appended and state.clock - state.appended > 8 * DAY + 4 * HOUR then
    state.era = state.era + 1
    state.ids, state.idsHeld, state.claims, state.claimsHeld = 1, 0, 1, 0
  end
end

-- Ids: hash and one byte, the unit of two hours in which the id came. An id is known for at least 8 d and less than 8 d and 2 h.
local ID_BYTES = HASH_BYTES + 1
local ID_UNIT = 2 * HOUR
local ID_UNITS = 96

local function openIds(state)
  local unit = floor(state.clock / ID_UNIT) % 256
  local function ageOf(value, last) return (unit - byte(value, last)) % 256 end
  local ids = openTable(BASE .. 'd' .. text(state.era) .. '.', ID_BYTES, state.ids, state.idsHeld,
    function(value, last) return (unit - byte(value, last)) % 256 > ID_UNITS end,
    function(a, lastA, b, lastB) return ageOf(a, lastA) > ageOf(b, lastB) end)
  ids.stamp = char(unit)
  return ids
end

-- Claims: hash, the partition that alone may count the id, and two bytes, the unit of 32 s in which it was claimed last.
local CLAIM_BYTES = HASH_BYTES + 3
local CLAIM_UNIT = 32000
local CLAIM_UNITS = math.ceil((8 * DAY + 2 * HOUR) / CLAIM_UNIT)

local function openClaims(state)
  local unit = floor(state.clock / CLAIM_UNIT) % 65536
  local function ageOf(value, last)
    local high, low = byte(value, last - 1, last)
    return (unit - high * 256 - low) % 65536
  end
  local claims = openTable(BASE .. 'c' .. text(state.era) .. '.', CLAIM_BYTES, state.claims, state.claimsHeld,
    function(value, last) return ageOf(value, last) > CLAIM_UNITS end,
    function(a, lastA, b, lastB) return ageOf(a, lastA) > ageOf(b, lastB) end)
  claims.stamp = char(floor(unit / 256), unit % 256)
  claims.ageOf = ageOf
  return claims
end

-- The numbers that choose the buckets of hashes which stand one after the other.
local function numbersOf(hashes)
  local numbers = {}
  for at = 1, #hashes, HASH_BYTES do
    local a, b, c, d = byte(hashes, at, at + 3)
    numbers[#numbers + 1] = ((a * 256 + b) * 256 + c) * 256 + d
  end
  return numbers
end
