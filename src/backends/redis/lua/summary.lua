-- Counters and uniques of one moment. ARGV: from (ms), first and last day, first hour. Returns the state, the number of users
-- with an event since `from`, the days' counters by hour, and the first hour's by minute.
local state = readState()
local from, firstDay, lastDay, firstHour = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local days = {}
for day = firstDay, lastDay do days[#days + 1] = BASE .. 'h' .. day end
local unique = call('ZCOUNT', BASE .. 'seen', text(from), '+inf')
return { text(state.epoch), text(state.next), text(state.clock), text(state.newest), unique, call('MGET', unpack(days)), call('GET', BASE .. 'm' .. firstHour) }
