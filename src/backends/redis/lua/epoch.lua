-- Epochs of a partition's log. Positions are counted on for ever, but a promotion or a restart may have lost the newest ones, and
-- then the same numbers are handed out again. So each run of a server as a master has an epoch of its own, and where an earlier one
-- ended is kept: what lies before its end is still what it was.

-- Epochs whose ends are kept.
local KEPT_EPOCHS = 32

-- The position at which an earlier epoch ended; nil where that is not known.
local function endOf(state, epoch)
  return tonumber(string.match(state.ends, ' ' .. text(epoch) .. ':(%d+)'))
end

-- Begins a new epoch if this server has not written to the partition before, or if it does not have what a caller has seen.
local function continueEpoch(state, seenEpoch, seenNext)
  local replid = replicationId()
  local isLost = seenEpoch > state.epoch or (seenEpoch == state.epoch and seenNext > state.next)
  if isLost or (state.replid ~= replid and state.replid ~= '') then
    state.ends = state.ends .. ' ' .. text(state.epoch) .. ':' .. text(state.next)
    local _, count = string.gsub(state.ends, ' ', '')
    if count > KEPT_EPOCHS then state.ends = sub(state.ends, find(state.ends, ' ', 2, true), -1) end
    state.epoch = max(state.epoch, seenEpoch) + 1
  end
  state.replid = replid
end
