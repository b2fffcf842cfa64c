-- A small piece of what time brings: hours that have left a window are retired from its totals, and users are forgotten whom no
-- window reaches. ARGV: now, how many entries to look at. Returns whether there is more, and the clock.
local BUDGET = tonumber(ARGV[2])
local state = readState()
state.clock = math.max(state.clock, tonumber(ARGV[1]))
local dropped = moveWindows(state)
for w = 1, 3 do if dropped[w] then redis.call('EXISTS', BASE .. 'top' .. w) end end
redis.call('ZCARD', BASE .. 'seen')

for w = 1, 3 do
  if dropped[w] then redis.call('UNLINK', BASE .. 'top' .. w) end
  while BUDGET > 0 and state['retiring' .. w] < state['from' .. w] do
    local hour = state['retiring' .. w]
    local key = BASE .. 'u' .. hour
    local reply = redis.call('HSCAN', key, string.format('%.0f', state['scan' .. w]), 'COUNT', math.min(BUDGET, 100))
    local users, counts, flagged = {}, {}, {}
    for i = 1, #reply[2], 2 do
      local value = tonumber(reply[2][i + 1])
      if not hasFlag(value, w) then
        if hour >= state['cleared' .. w] then
          users[#users + 1] = reply[2][i]
          counts[#counts + 1] = countOf(value)
        end
        flagged[#flagged + 1] = reply[2][i]
        flagged[#flagged + 1] = value + FLAGS[w]
      end
    end
    -- A small hash is handed out whole, at most some hundred entries; a large one about as many as were asked for.
    local totals = {}
    for i, score in ipairs(readTotals(w, users)) do totals[i] = (tonumber(score or nil) or 0) + counts[i] end
    writeTotals(w, users, totals)
    if #flagged > 0 then redis.call('HSET', key, unpack(flagged)) end
    BUDGET = BUDGET - 1 - #reply[2] / 2
    state['scan' .. w] = tonumber(reply[1])
    if state['scan' .. w] == 0 then
      state['retiring' .. w] = hour + 1
      if w == 3 then redis.call('UNLINK', key) end
    end
  end
end
local gone = redis.call('ZRANGEBYSCORE', BASE .. 'seen', '-inf', '(' .. string.format('%.0f', state.from3 * HOUR), 'LIMIT', 0, 100)
if #gone > 0 then redis.call('ZREM', BASE .. 'seen', unpack(gone)) end
writeState(state)
return { (isPending(state) == 1 or #gone == 100) and 1 or 0, string.format('%.0f', state.clock) }
