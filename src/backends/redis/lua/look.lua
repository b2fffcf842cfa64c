-- What is known of ids, without a change. ARGV: now, hashes whose claims are asked for, hashes that this partition may have counted
-- (9 bytes each). Returns the partition of each claim (255: none), 1 or 0 for each of the others, and the partition's clock.
-- Proof of lapse needs a clock that goes no further back: it is written, so that later deadlines are judged by it.
local state = readState()
local clock = math.max(state.clock, tonumber(ARGV[1]))
state.clock = clock
renewTables(state)
local ids, claims = openIds(state), openClaims(state)
claims:load(ARGV[2])
ids:load(ARGV[3])
local owners, counted = {}, {}
for at = 1, #ARGV[2], HASH_BYTES do
  local found, bucket = claims:find(string.sub(ARGV[2], at, at + HASH_BYTES - 1))
  local value = claims.values[bucket]
  owners[#owners + 1] = found and claims.isFresh(value, found + CLAIM_BYTES - 1) and string.sub(value, found + HASH_BYTES, found + HASH_BYTES) or '\255'
end
for at = 1, #ARGV[3], HASH_BYTES do
  local found, bucket = ids:find(string.sub(ARGV[3], at, at + HASH_BYTES - 1))
  counted[#counted + 1] = found and ids.isFresh(ids.values[bucket], found + ID_BYTES - 1) and '\1' or '\0'
end
if ARGV[4] == '1' then redis.call('HSET', STATE, 'clock', string.format('%.17g', clock)) end
return { table.concat(owners), table.concat(counted), string.format('%.0f', clock) }
