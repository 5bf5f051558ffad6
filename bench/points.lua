-- wrk script for the profile `points`: POST /points/{random member}/transactions, 70 % EARN 10 and 30 % USE 5.
-- Members 1 to MEMBERS (default 100000) must exist: onepoint bench prepare
--
--   MEMBERS=100000 wrk -t1 -c64 -d10s --latency -s bench/points.lua http://127.0.0.1:8080
--
-- ONEPOINT_KEY in the environment is sent as the API key. At the end wrk counts a refused USE (409) under "Non-2xx responses"
-- together with true errors; `onepoint bench` tells them apart.

local headers = { ["Content-Type"] = "application/json" }
local api_key = os.getenv("ONEPOINT_KEY")
if api_key then headers["Authorization"] = "Bearer " .. api_key end

local counter = 0
local prefix
local members = tonumber(os.getenv("MEMBERS") or "100000")

-- wrk calls this once in each of its threads, so each thread gets a key prefix of its own.
function init(args)
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2 ^ 31)
  prefix = string.format("%010x%08x-", os.time(), math.random(0, 2 ^ 31 - 1))
end

function request()
  counter = counter + 1
  headers["Idempotency-Key"] = prefix .. string.format("%012d", counter)
  local kind, amount = "EARN", 10
  if math.random(100) > 70 then kind, amount = "USE", 5 end
  local body = '{"kind":"' .. kind .. '","amount":' .. amount .. ',"reference":{"type":"bench","id":"' .. counter .. '"}}'
  return wrk.format("POST", "/points/" .. math.random(members) .. "/transactions", headers, body)
end
