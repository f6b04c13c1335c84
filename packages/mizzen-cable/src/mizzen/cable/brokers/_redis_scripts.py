"""Presence in Redis or Valkey, as scripts: each change and the word of it happen together.

Keys, below a prefix: `present:<subject>` is a hash of member id to "<devices> <member as JSON>";
`node:<node>` is the set of entries ([subject, member id, device]) a node put there; `nodes`
ranks the nodes by when their lease ends; `graves` names the sets of nodes whose lease has ended,
which are emptied bit by bit by whoever gets to it. A node that comes back finds itself unknown and
enters its members again; that is why an entry counts once, however often it is entered.
"""

from __future__ import annotations

_REMOVE = """
local function remove(prefix, entry)
  local subject, id, device = unpack(cjson.decode(entry))
  local key = prefix .. 'present:' .. subject
  local kept = redis.call('HGET', key, id)
  if not kept then return end
  local count, member = string.match(kept, '^(%d+) (.*)$')
  count = count - 1
  if count > 0 then
    redis.call('HSET', key, id, count .. ' ' .. member)
  else
    redis.call('HDEL', key, id)
  end
  redis.call('PUBLISH', prefix .. subject, 'P' .. count .. ' ' .. device .. ' ' .. member)
end
"""

_NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
"""

_BURY = """
local function bury(prefix, node)
  redis.call('ZREM', prefix .. 'nodes', node)
  if redis.call('EXISTS', prefix .. 'node:' .. node) == 1 then
    local grave = prefix .. 'grave:' .. node .. ':' .. now
    redis.call('RENAME', prefix .. 'node:' .. node, grave)
    redis.call('SADD', prefix .. 'graves', grave)
  end
end
"""

# prefix, node, entry, subject, member id, device, member as JSON
ENTER = """
local prefix, node, entry, subject, id, device, member = unpack(ARGV)
if redis.call('SADD', prefix .. 'node:' .. node, entry) == 0 then return end
local key = prefix .. 'present:' .. subject
local kept = redis.call('HGET', key, id)
local count = (kept and tonumber(string.match(kept, '^%d+')) or 0) + 1
redis.call('HSET', key, id, count .. ' ' .. member)
redis.call('PUBLISH', prefix .. subject, 'P' .. count .. ' ' .. device .. ' ' .. member)
"""

# prefix, node, entry
LEAVE = (
    _REMOVE
    + """
if redis.call('SREM', ARGV[1] .. 'node:' .. ARGV[2], ARGV[3]) == 1 then
  remove(ARGV[1], ARGV[3])
end
"""
)

# prefix, node, seconds of lease -> 1 if the node was known, so that its members still are
RENEW = (
    _NOW
    + _BURY
    + """
local prefix, node, lease = unpack(ARGV)
local known = redis.call('ZSCORE', prefix .. 'nodes', node)
if not known then bury(prefix, node) end
redis.call('ZADD', prefix .. 'nodes', now + lease, node)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'nodes', '-inf', now)) do
  bury(prefix, dead)
end
return known and 1 or 0
"""
)

# prefix, node
RESIGN = _NOW + _BURY + "bury(ARGV[1], ARGV[2])"

# prefix, how many entries at most -> 1 if there is more to do
SWEEP = (
    _REMOVE
    + """
local graves = ARGV[1] .. 'graves'
local grave = redis.call('SRANDMEMBER', graves)
if not grave then return 0 end
for _, entry in ipairs(redis.call('SPOP', grave, ARGV[2])) do
  remove(ARGV[1], entry)
end
if redis.call('EXISTS', grave) == 0 then redis.call('SREM', graves, grave) end
return redis.call('EXISTS', graves)
"""
)
