-- wrk script for the profile `points-hot`: POST /points/1/transactions, 70 % EARN 10 and 30 % USE 5.
-- Member 1 must exist: onepoint bench prepare --members 1
--
--   wrk -t1 -c64 -d10s --latency -s bench/points-hot.lua http://127.0.0.1:8080
--
-- ONEPOINT_KEY in the environment is sent as the API key. At the end wrk counts a refused USE (409) under "Non-2xx responses"
-- together with true errors; `onepoint bench` tells them apart.

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
  local kind, amount = "EARN", 10
  if math.random(100) > 70 then kind, amount = "USE", 5 end
  local body = '{"kind":"' .. kind .. '","amount":' .. amount .. ',"reference":{"type":"bench","id":"' .. counter .. '"}}'
  return wrk.format("POST", "/points/1/transactions", headers, body)
end
