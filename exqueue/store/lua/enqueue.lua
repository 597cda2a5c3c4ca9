-- enqueue: accept up to 100 jobs; an id or a unique name that is known is not accepted twice
-- keys: jobs bodies pending ranked delayed waiting heads blocked terms uniques chains counters recent older events
-- argv: due then id header body terms chain for each job
-- uses: line key accept
-- moves: none -> pending, none -> delayed, none -> waiting
-- replies: enqueued | founded
-- then, for those that were known, the position and the id each; founded: these are the first jobs the queue ever had
local reply = {'enqueued'}
for i = 2, #ARGV, 5 do
  local before, first = accept(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], due)
  if first then reply[1] = 'founded' end
  if before then
    reply[#reply + 1] = (i - 2) / 5
    reply[#reply + 1] = before
  end
end
return reply
