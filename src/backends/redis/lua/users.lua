-- Users of a window. ARGV: number of the window, its first hour, how many (0: the named ones), names. Returns 0 where hours have
-- still to be retired, else 1, the newest counted time, the clock, and user ids, totals and latest times.
local w, from, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = readState()
local clock = string.format('%.0f', state.clock)
if state['from' .. w] and (state['from' .. w] ~= from or state['retiring' .. w] < from) then return { 0, '0', clock, {}, {}, {} } end
local names, totals = {}, {}
if limit > 0 then
  local found = redis.call('ZRANGE', BASE .. 'top' .. w, 0, limit - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    names[#names + 1] = found[i]
    totals[#totals + 1] = found[i + 1]
  end
else
  for i = 4, #ARGV do names[#names + 1] = ARGV[i] end
  totals = readTotals(w, names)
end
local latest = {}
if #names > 0 then latest = redis.call('ZMSCORE', BASE .. 'seen', unpack(names)) end
for i = 1, #names do
  totals[i] = totals[i] or '0'
  latest[i] = latest[i] or '0'
end
return { 1, string.format('%.0f', state.newest), clock, names, totals, latest }
