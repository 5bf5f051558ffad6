-- wrk script for the profile `join`: POST /members with a random phone number; the server chooses the member number.
--
--   wrk -t1 -c64 -d10s --latency -s bench/join.lua http://127.0.0.1:8080
--
-- ONEPOINT_KEY in the environment is sent as the API key.

local headers = { ["Content-Type"] = "application/json" }
local api_key = os.getenv("ONEPOINT_KEY")
if api_key then headers["Authorization"] = "Bearer " .. api_key end

local counter = 0
local prefix

-- wrk calls this once in each of its threads, so each thread gets a key prefix of its own.
function init(args)
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2 ^ 31)
  prefix = string.format("%010x%08x-", os.time(), math.random(0, 2 ^ 31 - 1))
end

function request()
  counter = counter + 1
  headers["Idempotency-Key"] = prefix .. string.format("%012d", counter)
  local phone = string.format("010%08d", math.random(0, 99999999))
  return wrk.format("POST", "/members", headers, '{"phoneNo":"' .. phone .. '","nickname":"B' .. counter .. '"}')
end
