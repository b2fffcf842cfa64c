-- Counters and uniques of one moment. ARGV: from (ms), first and last day, first hour. Returns the state, the number of users
-- with an event since `from`, the days' counters by hour, and the first hour's by minute.
local state = readState()
local from, firstDay, lastDay, firstHour = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local days = {}
for day = firstDay, lastDay do days[#days + 1] = BASE .. 'h' .. day end
local unique = redis.call('ZCOUNT', BASE .. 'seen', string.format('%.0f', from), '+inf')
return { tostring(state.epoch), tostring(state.next), string.format('%.0f', state.clock), string.format('%.0f', state.newest), unique, redis.call('MGET', unpack(days)), redis.call('GET', BASE .. 'm' .. firstHour) }
