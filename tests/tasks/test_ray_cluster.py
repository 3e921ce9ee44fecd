"""Real Ray: two nodes, a killed worker, a killed command; and what is said where there is no cluster."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support.fakes import GREY, save, slug_of
from support.program import Program

from faceunlock.errors import ClusterError, SettingsError
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.journal import FILE_NAME
from faceunlock.photos.photo import find_photos
from faceunlock.tasks import ray_cluster
from faceunlock.tasks.ray_cluster import check_address, open_cluster, refuse_differing


@pytest.mark.parametrize(
    "address", ["", "auto", "host", "host:", ":6379", "ray://host:1", "host:x", "h:70000"]
)
def test_an_address_is_a_host_and_a_port(address):
    assert slug_of(check_address, address) == "usage"


@pytest.mark.parametrize("address", ["local", "10.0.0.7:6379", "head.example.org:6379", "[::1]:6379"])
def test_an_address_of_a_cluster_is_accepted(address):
    check_address(address)


def test_without_ray_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(ClusterError) as caught, open_cluster("local", tmp_path):
        pass
    assert caught.value.slug == "ray-missing" and ".[ray]" in caught.value.hint


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")
def test_a_temporary_folder_too_deep_for_ray_is_refused(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(SettingsError) as caught, open_cluster("local", tmp_path):
        pass
    assert caught.value.slug == "no-temporary-directory" and "too long for Ray" in caught.value.message
    assert list(deep.iterdir()) == []


def test_an_error_of_rays_is_told_in_a_line():
    error = RuntimeError("first\nsecond")
    assert ray_cluster._first_line(error) == "first"
    error.cause = ValueError("what it was\nfar below")
    assert ray_cluster._first_line(error) == "ValueError: what it was"
    assert ray_cluster._first_line(MemoryError()) == "MemoryError"


def test_nobody_waits_for_a_cluster_that_is_not_there(tmp_path):
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ClusterError) as caught, open_cluster(f"127.0.0.1:{port}", tmp_path):
        pass
    assert caught.value.slug == "ray-unreachable" and "refused" in caught.value.message
    assert time.monotonic() - started < 2


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")
def test_something_else_at_the_address_is_told_from_ray(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "HEALTH_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match="but not Ray"), open_cluster(address, tmp_path):
            pass


OURS = {"faceunlock": "0123", "Python": "3.11.7", "numpy": "2.4.6"}


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"missing": "No module named 'faceunlock'"}, "cannot be used on b"),
        (OURS | {"faceunlock": "4567"}, "b has another faceunlock than this machine"),
        (OURS | {"numpy": "2.0.0"}, "b has another numpy than this machine: 2.0.0, not 2.4.6"),
        ({"faceunlock": "0123", "Python": "3.11.7"}, "another numpy than this machine: none"),
    ],
)
def test_a_machine_that_would_compute_differently_is_refused(theirs, said):
    refuse_differing("a", OURS, OURS)
    with pytest.raises(ClusterError, match=said) as caught:
        refuse_differing("b", OURS, theirs)
    assert caught.value.slug == "ray-worker-unfit"


_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
print("at", cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="session")
def cluster():
    """Two nodes with one core each on this machine, started by another process; the address of the first."""
    if find_spec("ray") is None:
        pytest.skip("needs the extra ray")
    folder = Path("/tmp") / f"fu-{os.getpid()}"  # sockets below a test's own folder have names too long
    quiet = {"RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "1" * 64}.items():
            patch.setenv(name, value)
        with subprocess.Popen(
            [sys.executable, "-c", _CLUSTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **quiet},
        ) as made:
            try:
                yield next(line for line in made.stdout if line.startswith(b"at ")).split()[1].decode()
            finally:
                made.communicate(timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


def test_nobody_without_the_token_gets_in(cluster, tmp_path):
    (tmp_path / "people" / "Ada").mkdir(parents=True)
    save(tmp_path / "people" / "Ada" / "grey.png", GREY)
    words = "enroll", "--each", tmp_path / "people", "--model", "compact", "--ray", cluster, "--json"
    refused = Program(tmp_path / "home")(*words, env={"RAY_AUTH_TOKEN": "0" * 64}).error
    assert refused["code"] == "ray-unreachable" and "only whoever has its token" in refused["message"]
    assert "RAY_AUTH_TOKEN" in refused["hint"]


def content(home):
    with Gallery(home) as gallery:
        return [
            (one.name, one.template.identity, np.asarray(one.template.vector_sum, np.float32).tobytes(),
             one.template.count, one.template.mean_similarity, one.template.lowest_similarity,
             len(one.template.photo_hashes))
            for one in gallery.people()
        ]  # fmt: skip


def workers():
    """Yield the processes in which Ray looks at photos."""
    for entry in Path("/proc").iterdir():
        try:
            name = (entry / "cmdline").read_bytes() if entry.name.isdecimal() else b""
        except OSError:
            continue
        if name.startswith(b"ray::") and b"MapBatches(Actor)" in name:
            yield int(entry.name)


def wait_for(true):
    until = time.monotonic() + 120
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_killed_worker_and_a_killed_command_give_the_same_gallery(cluster, collection, tmp_path):
    people = tmp_path / "people"
    for folder in sorted((collection / "lfw").iterdir()):
        photos = find_photos([folder]).photos
        if len(photos) >= 8 and len(list(tmp_path.glob("people/*"))) < 4:
            (people / folder.name).mkdir(parents=True)
            for photo in photos[:8]:
                shutil.copy(photo, people / folder.name)
    (people / folder.name).mkdir(exist_ok=True)
    plain, program = Program(tmp_path / "plain"), Program(tmp_path / "home")
    first = plain("enroll", "--each", people, "--model", "compact")
    shutil.copytree(plain.home / "cache", program.home / "cache")
    program.home.chmod(0o700)

    words = program.command("enroll", "--each", people, "--model", "compact", "--ray", cluster)
    journal = program.home / FILE_NAME
    said = tmp_path / "said"
    with (
        said.open("wb") as file,
        subprocess.Popen(words, env=program.environment(), stdout=file, stderr=file) as command,
    ):
        wait_for(lambda: journal.exists() and journal.stat().st_size)
        os.kill(next(workers()), signal.SIGKILL)
        seen = journal.stat().st_size
        wait_for(lambda: command.poll() is not None or journal.stat().st_size > seen)
        assert command.poll() is None, "it goes on without the worker"
        command.kill()
    assert "worker" not in said.read_text(), "nor of what was killed"

    second = program("enroll", "--each", people, "--model", "compact", "--ray", cluster)
    assert content(program.home) == content(plain.home) != [] and not journal.exists()
    assert second.code == first.code
    assert {*second.stderr.splitlines()} <= {*first.stderr.splitlines()}, "Ray adds no word of its own"


def test_what_a_worker_says_names_its_machine():
    said = b"weights-missing\nnot here\npull"
    row = {"index": -1, "state": "error", "digest": b"", "packed": said, "node": "b"}
    with pytest.raises(ClusterError) as caught:
        list(ray_cluster._by_node([row]))
    error = caught.value
    assert (error.slug, error.message, error.hint) == ("weights-missing", "on b: not here", "pull")
