-- Hash tables of packed entries in string keys, each key a bucket: for ids and for claims. An entry begins with nine bytes of an
-- id's keyed hash and ends with a stamp; entries stand in order of their stamps, so that stale ones are at the front. The table
-- grows and shrinks one bucket at a time (linear hashing, W. Litwin 1980), so a bucket's fill stays about the same at any size.
local HASH_BYTES = 9

-- Mean entries of a bucket. Fewer cost more memory for keys, more cost more copying.
local FILL = 56

-- Most buckets that one call may split or merge.
local MOST_MOVES = 8

local function powerBelow(n)
  local power = 1
  while power * 2 <= n do power = power * 2 end
  return power
end

local Table = {}
Table.__index = Table

-- kind: first letter of the keys; width: bytes of an entry; era: the tables' number; buckets: how many there are; held: an estimate
-- of the entries.
function Table.open(kind, width, era, buckets, held, isFresh)
  return setmetatable({ kind = kind, width = width, era = era, buckets = buckets, size = powerBelow(buckets), held = held, isFresh = isFresh,
    values = {}, dirty = {}, sum = 0, adds = 0 }, Table)
end

function Table:key(i) return BASE .. self.kind .. self.era .. '.' .. i end

function Table:hashAt(text, at)
  local a, b, c, d = string.byte(text, at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

function Table:indexOf(hash)
  local i = self:hashAt(hash, 1) % (2 * self.size)
  return i < self.buckets and i or i - self.size
end

-- Reads the buckets of hashes that stand one after the other in a text, all at once.
function Table:load(hashes)
  local keys, indices = {}, {}
  for at = 1, #hashes, HASH_BYTES do
    local i = self:indexOf(string.sub(hashes, at, at + HASH_BYTES - 1))
    if not self.values[i] then
      self.values[i] = ''
      keys[#keys + 1] = self:key(i)
      indices[#indices + 1] = i
    end
  end
  if #keys == 0 then return end
  local values = redis.call('MGET', unpack(keys))
  for k, i in ipairs(indices) do self.values[i] = values[k] or '' end
end

function Table:loadBucket(i)
  if not self.values[i] then self.values[i] = redis.call('GET', self:key(i)) or '' end
  return self.values[i]
end

-- Where the entry of a hash begins in its bucket, and the bucket.
function Table:find(hash)
  local i = self:indexOf(hash)
  local value = self.values[i]
  local from = 1
  while true do
    local at = string.find(value, hash, from, true)
    if not at then return nil, i end
    if (at - 1) % self.width == 0 then return at, i end
    from = at + 1
  end
end

-- Puts an entry at the end of a bucket, in place of the one at `old` if there is one; stale entries go.
function Table:put(i, entry, old)
  local value = self.values[i]
  local width = self.width
  if old then value = string.sub(value, 1, old - 1) .. string.sub(value, old + width) end
  local from = 1
  while from <= #value and not self.isFresh(value, from + width - 1) do from = from + width end
  if from > 1 then value = string.sub(value, from) end
  value = value .. entry
  self.values[i] = value
  self.dirty[i] = true
  local share = (i < self.buckets - self.size or i >= self.size) and 2 * self.size or self.size
  self.sum = self.sum + #value / width * share
  self.adds = self.adds + 1
end

-- Brings the number of buckets to the number of entries, as the buckets that were written let estimate it.
function Table:resize()
  if self.adds == 0 then return end
  local weight = math.min(1, self.adds * math.max(1 / 1024, 8 / math.max(8, self.held)))
  self.held = self.held + (self.sum / self.adds - self.held) * weight
  local moves = 0
  while moves < MOST_MOVES and self.held > FILL * self.buckets do
    self:split()
    moves = moves + 1
  end
  while moves < MOST_MOVES and self.buckets > 1 and self.held < FILL / 3 * self.buckets do
    self:merge()
    moves = moves + 1
  end
end

function Table:split()
  local i, j = self.buckets - self.size, self.buckets
  local value = self:loadBucket(i)
  self:loadBucket(j)
  local stay, go = {}, {}
  for at = 1, #value, self.width do
    if self.isFresh(value, at + self.width - 1) then
      local list = self:hashAt(value, at) % (2 * self.size) == j and go or stay
      list[#list + 1] = string.sub(value, at, at + self.width - 1)
    end
  end
  self.values[i], self.values[j] = table.concat(stay), table.concat(go)
  self.dirty[i], self.dirty[j] = true, true
  self.buckets = self.buckets + 1
  if self.buckets == 2 * self.size then self.size = self.buckets end
end

function Table:merge()
  self.buckets = self.buckets - 1
  self.size = powerBelow(self.buckets)
  local j = self.buckets
  local i = j - self.size
  local a, b = self:loadBucket(i), self:loadBucket(j)
  local merged, at, bt, width = {}, 1, 1, self.width
  while at <= #a or bt <= #b do
    local takesB = at > #a or (bt <= #b and self.isFresh(a, at + width - 1, b, bt + width - 1))
    if takesB then
      merged[#merged + 1] = string.sub(b, bt, bt + width - 1)
      bt = bt + width
    else
      merged[#merged + 1] = string.sub(a, at, at + width - 1)
      at = at + width
    end
  end
  self.values[i], self.values[j] = table.concat(merged), ''
  self.dirty[i], self.dirty[j] = true, true
end

function Table:write()
  for i in pairs(self.dirty) do
    if self.values[i] == '' then redis.call('UNLINK', self:key(i))
    else redis.call('SET', self:key(i), self.values[i], 'PX', KEY_LIFETIME) end
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
  local unit = math.floor(state.clock / ID_UNIT) % 256
  -- With a second entry: whether that one is older.
  local function isFresh(value, last, other, otherLast)
    local age = (unit - string.byte(value, last)) % 256
    if other then return (unit - string.byte(other, otherLast)) % 256 > age end
    return age <= ID_UNITS
  end
  local ids = Table.open('d', ID_BYTES, state.era, state.ids, state.idsHeld, isFresh)
  ids.stamp = string.char(unit)
  return ids
end

-- Claims: hash, the partition that alone may count the id, and two bytes, the unit of 32 s in which it was claimed last.
local CLAIM_BYTES = HASH_BYTES + 3
local CLAIM_UNIT = 32000
local CLAIM_UNITS = math.ceil((8 * DAY + 2 * HOUR) / CLAIM_UNIT)

local function openClaims(state)
  local unit = math.floor(state.clock / CLAIM_UNIT) % 65536
  local function ageOf(value, last)
    local high, low = string.byte(value, last - 1, last)
    return (unit - high * 256 - low) % 65536
  end
  local function isFresh(value, last, other, otherLast)
    if other then return ageOf(other, otherLast) > ageOf(value, last) end
    return ageOf(value, last) <= CLAIM_UNITS
  end
  local claims = Table.open('c', CLAIM_BYTES, state.era, state.claims, state.claimsHeld, isFresh)
  claims.stamp = string.char(math.floor(unit / 256), unit % 256)
  claims.ageOf = ageOf
  return claims
end
