"""TLS: a certificate is checked, and a wrong one is refused in one line."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreUnavailable
from exqueue.model.settings import Settings
from exqueue.store.channel import open_channel

needs = pytest.mark.skipif(not (shutil.which("redis-server") and shutil.which("openssl")), reason="needs redis-server and openssl")


def certificate(directory: Path) -> None:
    words = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(["openssl", *words.split()], cwd=directory, check=True, capture_output=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    certificate(tmp_path)
    port = free_port()
    words = f"--port 0 --bind 127.0.0.1 --tls-port {port} --tls-cert-file cert.pem --tls-key-file key.pem --tls-auth-clients no"
    process = subprocess.Popen(["redis-server", *words.split(), "--save", ""], cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout
    said = b""
    for line in process.stdout:
        said += line
        if b"Ready to accept" in line or b"Server initialized" in line:
            break
    else:
        pytest.skip(f"this redis-server has no TLS: {said[-200:]!r}")
    yield port
    process.terminate()
    process.stdout.close()
    process.wait()


@needs
def test_jobs_are_enqueued_over_tls(port: int, tmp_path: Path) -> None:
    app = Exqueue(settings=Settings(url=f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path}/cert.pem"))
    assert app.queues() == []
    app.close()


@needs
def test_a_server_with_an_unknown_certificate_is_refused(port: int) -> None:
    channel = open_channel(f"rediss://localhost:{port}/0", patience=0.1)
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        channel.ask([("PING",)])
