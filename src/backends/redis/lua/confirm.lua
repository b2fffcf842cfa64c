-- Begins a new epoch where one is due, and writes in any case, so that replicas which acknowledge this have all that was written
-- before. ARGV: epoch and position that the caller has seen. Returns the state.
local state = readState()
continueEpoch(state, tonumber(ARGV[1]), tonumber(ARGV[2]))
writeState(state)
return { text(state.epoch), text(state.next), text(state.first) }
