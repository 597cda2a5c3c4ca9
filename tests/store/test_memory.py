"""What a queued job takes on the server."""

from __future__ import annotations

from exqueue.model.options import call
from tests.model.workers import Add
from tests.store.servers import Server

FULL = 16_384  # jobs, after which the stream of events has its full length, and the tables of the hashes are full, too
MORE = FULL  # and are so again


def test_a_queued_job_with_small_arguments_takes_400_bytes(server: Server) -> None:
    app = server.app()
    app.enqueue_many(Add, [call(f"customer-{n}", b=12, c=123_456) for n in range(FULL)])
    before = used(server)
    app.enqueue_many(Add, [call(f"customer-{n}", b=12, c=123_456) for n in range(MORE)])
    assert 250 < (used(server) - before) / MORE <= 400


def used(server: Server) -> int:
    """Bytes that the server has in use, without the buffers of clients."""
    told = server.channel().ask([("INFO", "memory")])[0].decode().splitlines()
    found = dict(line.split(":", 1) for line in told if ":" in line)
    return int(found["used_memory"]) - int(found["mem_clients_normal"])
