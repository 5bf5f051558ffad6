-- wrk script for the profile `mypage`: GET /mypages/{random member}.
-- Members 1 to MEMBERS (default 100000) must exist: onepoint bench prepare
--
--   MEMBERS=100000 wrk -t1 -c64 -d10s --latency -s bench/mypage.lua http://127.0.0.1:8080
--
-- ONEPOINT_KEY in the environment is sent as the API key.

local headers = {}
local api_key = os.getenv("ONEPOINT_KEY")
if api_key then headers["Authorization"] = "Bearer " .. api_key end

local members = tonumber(os.getenv("MEMBERS") or "100000")

function init(args)
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2 ^ 31)
end

function request()
  return wrk.format("GET", "/mypages/" .. math.random(members), headers)
end
