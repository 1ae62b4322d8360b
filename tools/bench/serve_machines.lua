-- Machines that ask for updates, for wrk: 20,000 of them, all on one version, one after the other.
-- wrk ... -s serve_machines.lua URL -- VERSION
local machines = 20000
local requests = {}
local at = 0

function init(arguments)
  local version = arguments[1] or "4081.2.0"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "text/xml"
  for number = 1, machines do
    local id = string.format("%08x%08x%08x%08x", number * 2654435761 % 4294967296, number, 7919, number * 31)
    wrk.body = [[<?xml version="1.0" encoding="UTF-8"?>
<request protocol="3.0" version="update_engine-0.4.10" updaterversion="update_engine-0.4.10" installsource="scheduler" ismachine="1">
    <os version="Chateau" platform="CoreOS" sp="]] .. version .. [[_x86_64"></os>
    <app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" version="]] .. version .. [[" track="stable" bootid="{]] .. id .. [[}" oem="qemu" oemversion="" alephversion="4081.2.0" machineid="]] .. id .. [[" lang="en-US" board="amd64-usr" hardware_class="" delta_okay="false" >
        <ping active="1"></ping>
        <updatecheck></updatecheck>
        <event eventtype="3" eventresult="2" previousversion=""></event>
    </app>
</request>
]]
    requests[number] = wrk.format()
  end
end

function request()
  at = at % machines + 1
  return requests[at]
end
