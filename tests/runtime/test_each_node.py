"""In a cluster no node is forgotten: one that evicts, is full or is away is found wherever it is, and named."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.cli.doctor import gather
from exqueue.cli.health import look
from exqueue.model.errors import ConfigError
from exqueue.model.facts import Level
from exqueue.model.queue_checks import examine
from exqueue.model.settings import Settings
from exqueue.runtime.admission import admit
from tests.store.constellation import ClusterNodes, Node, clustered

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone() -> Iterator[ClusterNodes]:
    """Three masters without replicas."""
    with clustered() as found:
        yield found


@pytest.fixture(params=[0, 1, 2])
def node(request: pytest.FixtureRequest, alone: ClusterNodes) -> Iterator[Node]:
    """Each of them; afterwards it is as before."""
    alone.settle()
    found = alone.masters[request.param]
    yield found
    found.revive()
    for name, value in (("maxmemory-policy", "noeviction"), ("maxmemory", 0)):
        found.ask("CONFIG", "SET", name, value)


@pytest.fixture
def app(alone: ClusterNodes) -> Iterator[Exqueue]:
    app = Exqueue(settings=Settings(url=alone.url, namespace="ns", patience=1))
    yield app
    app.close()


def test_a_runner_does_not_start_if_any_node_evicts(app: Exqueue, node: Node) -> None:
    node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match=f"would lose jobs: node 127.0.0.1:{node.port}: maxmemory-policy is allkeys-lru"):
        admit(app.channel, app.settings)


def test_a_cluster_is_not_healthy_if_any_node_is_full(app: Exqueue, node: Node) -> None:
    node.ask("CONFIG", "SET", "maxmemory", 1)
    found = look(app, [], [], here=False, wait=0)
    assert (found.well, f"node 127.0.0.1:{node.port}: " in found.refused, "memory is full" in found.refused) == (False, True, True)


def test_the_doctor_names_the_node_that_evicts(app: Exqueue, node: Node) -> None:
    node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = {finding.check: finding for finding in examine(gather(app))}["eviction"]
    assert (found.level, found.says.partition(": ")[0]) == (Level.ERROR, f"node 127.0.0.1:{node.port}")


def test_a_node_that_is_away_keeps_no_runner_of_other_queues_from_starting_and_is_named(
    app: Exqueue, alone: ClusterNodes, node: Node
) -> None:
    if alone.owner("-") is node:
        pytest.skip("it is the one that is asked for rights")
    node.signal(signal.SIGKILL)
    away, *_ = admit(app.channel, app.settings)
    assert away.partition(" would")[0] == f"whether node 127.0.0.1:{node.port}"
