"""A runner does not start on a server that would lose jobs by itself; it warns of one that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.model.errors import ConfigError
from exqueue.model.settings import Settings
from exqueue.runtime.admission import admit, deaf_parent
from exqueue.store.channel import Channel
from tests.conftest import fake_channel
from tests.runtime.rig import Rig
from tests.store.servers import Server, running


@pytest.fixture
def channel(server: Server) -> Iterator[Channel]:
    channel = server.channel()
    yield channel
    channel.ask([("CONFIG", "SET", "maxmemory-policy", "noeviction"), ("CONFIG", "SET", "appendonly", "no")])
    channel.close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_evicts_is_refused(channel: Channel, policy: str) -> None:
    channel.ask([("CONFIG", "SET", "maxmemory-policy", policy)])
    with pytest.raises(
        ConfigError, match=f"would lose jobs: maxmemory-policy is {policy}: .*; set maxmemory-policy noeviction.*--accept-data-loss"
    ):
        admit(channel, Settings(url="redis://u:secret@h"))


def test_the_refusal_does_not_show_the_password(channel: Channel) -> None:
    channel.ask([("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")])
    with pytest.raises(ConfigError) as caught:
        admit(channel, Settings(url="redis://u:secret@h"))
    assert "secret" not in str(caught.value)


def test_a_server_without_an_append_only_file_is_warned_of_once(channel: Channel) -> None:
    assert [line.partition(":")[0] for line in admit(channel, Settings())] == ["no append-only file is written"]


def test_of_a_sound_server_nothing_is_said(channel: Channel) -> None:
    channel.ask([("CONFIG", "SET", "appendonly", "yes")])
    assert admit(channel, Settings()) == []


def test_a_user_who_lacks_a_right_that_a_step_needs_is_refused(server: Server, channel: Channel) -> None:
    channel.ask([("ACL", "SETUSER", "u", "reset", "on", ">p", "~*", "+@all", "-xadd")])
    theirs = server.channel("u:p@")
    with pytest.raises(
        ConfigError, match="may not send xadd: steps would stop halfway; see exqueue --namespace ns acl --role runner --update"
    ):
        admit(theirs, Settings(namespace="ns"))
    theirs.close()


def test_what_was_accepted_is_no_reason_to_stop(channel: Channel) -> None:
    channel.ask([("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")])
    assert [line.partition(":")[0] for line in admit(channel, Settings(accept_data_loss=True))] == ["maxmemory-policy is allkeys-lru"]


def test_a_policy_that_cannot_be_read_is_warned_of() -> None:
    assert [line.partition(" (")[0] for line in admit(fake_channel(), Settings())] == ["whether Redis evicts keys could not be read"]


@pytest.mark.parametrize(
    ("parent", "init", "lines"), [(1, "sh", 1), (1, "bash", 1), (1, "tini", 0), (1, "systemd", 0), (77, "sh", 0), (1, "", 0)]
)
def test_a_shell_as_process_1_is_warned_of_if_it_is_our_parent(
    caplog: pytest.LogCaptureFixture, parent: int, init: str, lines: int
) -> None:
    assert len(deaf_parent(parent, init)) == lines


@pytest.mark.slow
def test_exqueue_run_ends_with_2_before_it_has_taken_a_job_unless_told_to_go_on(tmp_path: Path) -> None:
    with running("redis", "--maxmemory-policy", "allkeys-lru") as server:
        rig = Rig(tmp_path, server.url())
        rig.workers("class Add(Worker):\n    def perform(self, n): say(n)\n")
        rig.enqueue_many("Add", 1)
        assert (rig.burst(), rig.said, rig.log.count("would lose jobs: maxmemory-policy is allkeys-lru")) == (2, [], 1)
        assert (rig.burst("--accept-data-loss"), rig.said) == (0, ["0"])
        rig.enqueue_many("Add", 1)
        assert (rig.burst(EXQUEUE_ACCEPT_DATA_LOSS="yes"), rig.said) == (0, ["0", "0"])
        run = "app.run([jobs.Add], burst=True, accept_data_loss=True)"
        assert rig.client(f"app.enqueue(jobs.Add, 2)\n{run}\nprint(app.queue(jobs.Add).counts().completed)") == "3\n"
        rig.close()
