-- wrk script for the profile `echo`: POST /bench/echo with a body like that of `points`.
-- The server must run with --set bench.echo=true.
--
--   wrk -t1 -c64 -d10s --latency -s bench/echo.lua http://127.0.0.1:8080
--
-- ONEPOINT_KEY in the environment is sent as the API key.

local headers = { ["Content-Type"] = "application/json" }
local api_key = os.getenv("ONEPOINT_KEY")
if api_key then headers["Authorization"] = "Bearer " .. api_key end

local counter = 0

function init(args)
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2 ^ 31)
end

function request()
  counter = counter + 1
  local kind, amount = "EARN", 10
  if math.random(100) > 70 then kind, amount = "USE", 5 end
  local body = '{"kind":"' .. kind .. '","amount":' .. amount .. ',"reference":{"type":"bench","id":"' .. counter .. '"}}'
  return wrk.format("POST", "/bench/echo", headers, body)
end
