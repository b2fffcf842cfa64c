-- What is known of ids, without a change. ARGV: now, hashes whose claims are asked for, hashes that this partition may have counted
-- (9 bytes each), and 1 where the answer is to prove that a claim has lapsed: then the partition's clock is written, so that
-- later deadlines are judged by it. Returns the partition of each claim (255: none), 1 or 0 for each of the others, and the clock.
local state = readState()
state.clock = max(state.clock, tonumber(ARGV[1]))
renewTables(state)
local ids, claims = openIds(state), openClaims(state)
local claimBuckets = loadBuckets(claims, numbersOf(ARGV[2]))
local idBuckets = loadBuckets(ids, numbersOf(ARGV[3]))
local owners, counted = {}, {}
for i = 1, #claimBuckets do
  local value = claims.values[claimBuckets[i]]
  local at = findEntry(value, CLAIM_BYTES, sub(ARGV[2], (i - 1) * HASH_BYTES + 1, i * HASH_BYTES))
  owners[i] = at and not claims.isStale(value, at + CLAIM_BYTES - 1) and sub(value, at + HASH_BYTES, at + HASH_BYTES) or '\255'
end
for i = 1, #idBuckets do
  local value = ids.values[idBuckets[i]]
  local at = findEntry(value, ID_BYTES, sub(ARGV[3], (i - 1) * HASH_BYTES + 1, i * HASH_BYTES))
  counted[i] = at and not ids.isStale(value, at + ID_BYTES - 1) and '\1' or '\0'
end
if ARGV[4] == '1' then call('HSET', STATE, 'clock', text(state.clock)) end
return { concat(owners), concat(counted), text(state.clock) }
