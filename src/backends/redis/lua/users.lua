-- Users of a window. ARGV: number of the window, its first hour, how many (0: the named ones), names. Returns 0 where totals are not
-- yet what they must be, else 1, the newest counted time, the clock, and user ids, totals and latest times.
local w, from, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = readState()
local hasSeen = call('EXISTS', BASE .. 'seen') == 1
local isCurrent = call('EXISTS', BASE .. 'waiting') == 0 and (not state['from' .. w] or state['from' .. w] == from and state['retiring' .. w] >= from)
if hasSeen and not isCurrent then return { 0, '0', text(state.clock), {}, {}, {} } end
local names, totals, latest = {}, {}, {}
if limit > 0 then
  local found = call('ZRANGE', BASE .. 'top' .. w, 0, limit - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    names[#names + 1] = found[i]
    totals[#totals + 1] = found[i + 1]
  end
else
  for i = 4, #ARGV do names[#names + 1] = ARGV[i] end
  totals = readTotals(w, names)
end
if #names > 0 then latest = call('ZMSCORE', BASE .. 'seen', unpack(names)) end
for i = 1, #names do
  totals[i] = totals[i] or '0'
  latest[i] = latest[i] or '0'
end
return { 1, text(state.newest), text(state.clock), names, totals, latest }
