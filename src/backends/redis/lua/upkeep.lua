-- A small piece of what time brings: counts that wait are folded into the totals, hours that have left a window are retired from
-- them, and users are forgotten whom no window reaches. ARGV: now, how many entries to look at, and 1 where hours that may still
-- grow are to be folded as well. Returns whether there is more to do, and the clock.
local budget = tonumber(ARGV[2])
local state = readState()
state.clock = max(state.clock, tonumber(ARGV[1]))
moveWindows(state)

-- The hour that is under way and the one before are left alone while nobody asks: their users come again.
local last = ARGV[3] == '1' and '+inf' or '(' .. (floor(state.clock / HOUR) - 1)
local waiting = call('ZRANGEBYSCORE', BASE .. 'waiting', '-inf', last, 'LIMIT', 0, 1)[1]
while waiting and budget > 0 do
  budget = budget - foldHour(state, tonumber(waiting), min(budget, 100))
  waiting = call('ZRANGEBYSCORE', BASE .. 'waiting', '-inf', last, 'LIMIT', 0, 1)[1]
end

local isRetiring = false
for w = 1, 3 do
  -- An hour is retired once nothing waits in it.
  while budget > 0 and not waiting and state['retiring' .. w] < state['from' .. w] do
    budget = budget - retireHour(state, w, min(budget, 100))
  end
  isRetiring = isRetiring or state['retiring' .. w] < state['from' .. w]
end

local gone = call('ZRANGEBYSCORE', BASE .. 'seen', '-inf', '(' .. text(state.from3 * HOUR), 'LIMIT', 0, 100)
if #gone > 0 then call('ZREM', BASE .. 'seen', unpack(gone)) end
writeState(state)
return { (waiting or isRetiring or #gone == 100) and 1 or 0, text(state.clock) }
