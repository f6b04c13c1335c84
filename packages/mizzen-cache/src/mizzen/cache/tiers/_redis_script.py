"""The one script of the Redis tier: a whole change, atomically, in one round trip.

KEYS are grouped in the order of ARGV[1..7], the sizes of the groups: expect, replacing, mark, make,
drop, touch, put. A stored entry is its expiry (15 digits, milliseconds) and what `Entry.pack`
gives, so that `touch` can rewrite the one without the other.
"""

from __future__ import annotations

from typing import Final

LUA: Final = """
local k, a = 1, 10
local now, keep = tonumber(ARGV[8]), tonumber(ARGV[9])

local function take()
  k = k + 1
  return KEYS[k - 1]
end

local function arg()
  a = a + 1
  return ARGV[a - 1]
end

local function alive(key)
  local v = redis.call('GET', key)
  if v and tonumber(string.sub(v, 1, 15)) > now then return v end
  return false
end

local current, holds = {}, true
for i = 1, tonumber(ARGV[1]) do
  local token = redis.call('GET', take()) or ''
  current[#current + 1] = token
  if token ~= arg() then holds = false end
end
for i = 1, tonumber(ARGV[2]) do
  local v, version = alive(take()), arg()
  if (v and string.sub(v, 16, 23) or '') ~= version then holds = false end
end
if not holds then return {0, 0, current} end

for i = 1, tonumber(ARGV[3]) do redis.call('SET', take(), arg(), 'PX', keep) end
for i = 1, tonumber(ARGV[4]) do
  local key, fresh = take(), arg()
  local token = redis.call('GET', key)
  if token then
    redis.call('PEXPIRE', key, keep)
  else
    redis.call('SET', key, fresh, 'PX', keep)
    token = fresh
  end
  current[#current + 1] = token
end

local dropped = 0
for i = 1, tonumber(ARGV[5]) do
  local key = take()
  if alive(key) then dropped = dropped + 1 end
  redis.call('DEL', key)
end

local function store(key, value, left)
  if left == '0' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', left)
  end
end

for i = 1, tonumber(ARGV[6]) do
  local key, expires, left = take(), arg(), arg()
  local v = alive(key)
  if v then store(key, expires .. string.sub(v, 16), left) end
end
for i = 1, tonumber(ARGV[7]) do
  local key, value, left = take(), arg(), arg()
  store(key, value, left)
end
return {1, dropped, current}
"""
