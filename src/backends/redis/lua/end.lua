-- Where the log ends. Returns the state, and 1 where the epoch is the one of this server's run as a master.
local state = readState()
return { text(state.epoch), text(state.next), text(state.first), state.replid == replicationId() and 1 or 0 }
