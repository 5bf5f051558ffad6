-- wrk script for the profile `points-bulk`: POST /points/transactions, 100 transactions over random members in each
-- request, 70 % EARN 10 and 30 % USE 5, each with a key of its own. wrk counts requests; a hundred times as many are items.
-- Members 1 to MEMBERS (default 100000) must exist: onepoint bench prepare
--
--   MEMBERS=100000 wrk -t1 -c64 -d10s --latency -s bench/points-bulk.lua http://127.0.0.1:8080
--
-- ONEPOINT_KEY in the environment is sent as the API key. wrk does not look at the items: `onepoint bench` does.

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

local function transaction()
  counter = counter + 1
  local kind, amount = "EARN", 10
  if math.random(100) > 70 then kind, amount = "USE", 5 end
  return string.format('{"memberId":%d,"key":"%s%012d","kind":"%s","amount":%d,"reference":{"type":"bench","id":"%d"}}',
    math.random(members), prefix, counter, kind, amount, counter)
end

function request()
  local items = {}
  for place = 1, 100 do items[place] = transaction() end
  return wrk.format("POST", "/points/transactions", headers, '{"transactions":[' .. table.concat(items, ",") .. "]}")
end
