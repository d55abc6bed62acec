-- Sends the requests of the file BENCH_REQUESTS in rotation; prints the result as one line of JSON.
local requests, at = {}, 0

function init(args)
  local headers, in_head = {}, true
  for line in io.lines(os.getenv("BENCH_REQUESTS")) do
    if not in_head then
      requests[#requests + 1] = wrk.format("POST", nil, headers, line)
      headers, in_head = {}, true
    elseif line == "" then
      in_head = false
    else
      local name, value = line:match("^(.-): (.*)$")
      headers[name] = value
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local failed = summary.errors
  io.write(string.format('{"requests": %d, "seconds": %.3f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
