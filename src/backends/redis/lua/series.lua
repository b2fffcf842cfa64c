-- Counters by minute of some hours. ARGV: first and last hour. Returns the newest counted time, the clock, and a value an hour.
local state = readState()
local keys = {}
for hour = tonumber(ARGV[1]), tonumber(ARGV[2]) do keys[#keys + 1] = BASE .. 'm' .. hour end
return { text(state.newest), text(state.clock), call('MGET', unpack(keys)) }
