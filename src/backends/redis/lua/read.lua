-- Entries of the log from a position on. ARGV: epoch, position, most bytes, or -1 for epoch to read backwards from the position.
-- Returns what became of the position, the state, and entries as Redis gives them. 'behind': this server does not have what was
-- seen; either it does not know yet that it is no longer the master, or what it lost has not been noticed yet.
local state = readState()
local epoch, position, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function answer(status, entries)
  return { status, text(state.epoch), text(state.next), text(state.first), entries }
end
local entries, bytes = {}, 0
local function take(list)
  for _, entry in ipairs(list) do
    entries[#entries + 1] = entry
    bytes = bytes + #entry[2][12]
  end
  return #list > 0 and bytes < most
end
if epoch == -1 then
  local from = string.format('%.0f-0', position)
  while take(call('XREVRANGE', BASE .. 'log', from, '-', 'COUNT', 1)) do from = '(' .. entries[#entries][1] end
  return answer('ok', entries)
end
if epoch > state.epoch or (epoch == state.epoch and position > state.next) then return answer('behind', {}) end
if epoch < state.epoch and position > (endOf(state, epoch) or -1) then return answer('other_history', {}) end
if position < state.first then return answer('not_retained', {}) end
if position == state.next then return answer('ok', {}) end
-- The entry that holds the position begins at or before it.
local holder = call('XREVRANGE', BASE .. 'log', string.format('%.0f-0', position + 1), '-', 'COUNT', 1)
local from = holder[1] and holder[1][1] or '-'
while take(call('XRANGE', BASE .. 'log', from, '+', 'COUNT', 1)) do from = '(' .. entries[#entries][1] end
return answer('ok', entries)
