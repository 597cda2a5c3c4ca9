-- deliver: strike off the outbox what has been enqueued in the queues it was meant for
-- keys: outbox
-- argv: id
-- moves:
-- replies: delivered
redis.call('HDEL', outbox, id)
return {'delivered'}
