"""A Ray cluster as `faceunlock.tasks.ray_reading` sees it: joined or started, checked, asked, and left.

The only module that knows Ray. A cluster of this machine alone listens on its network addresses, because Ray
knows no other way. So it gets a random token, without which nobody can give it work. A cluster that is named
by its address is somebody else's: how it is protected is theirs to decide.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from faceunlock.errors import SLUGS, ClusterError, FaceUnlockError, ModelError, SettingsError
from faceunlock.files.temporary import remove_litter, temporary_folder
from faceunlock.files.text import printable
from faceunlock.tasks.ray_process import QUIET, Interrupts, silent, token, variables
from faceunlock.tasks.ray_worker import Actor, Answer, Asked, fingerprint

LOCAL = "local"
"""The address of a cluster that is started on this machine, for one command."""

CONNECT_SECONDS = 3.0
HEALTH_SECONDS = 20.0
"""How long a cluster may take to accept a connection, and to say that it is well."""

GREETING_SECONDS = 60.0
"""How long a machine may take to say what is installed there."""

RESTARTS = 3
"""How often a worker that died is started again, and a batch of photos given to another."""

BLOCK = 128
"""Most photos that a worker gets at once: so many are looked at again if it dies."""

LEAST_BLOCK = 8
"""Fewest: a process without rights, which root's workers use, loads its networks for each block."""

BLOCKS_PER_WORKER = 4
"""Blocks that each worker gets at least, if there are photos enough, so that none waits long at the end."""

GPU_SHARE = 0.25
"""Part of a GPU that one worker takes: reading photos keeps it busy most of the time."""

OBJECT_STORE = 100 << 20
"""Bytes of shared memory for a cluster of this machine alone; only paths and embeddings pass through it."""

_NO_TOKEN = 3
_QUESTION = f"""
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1])
except Exception as error:
    sys.exit({_NO_TOKEN} if type(error).__name__ == "AuthenticationError" else 1)
"""
"""Asks in a process of its own whether a cluster answers: in this one, Ray would wait for minutes."""

LONGEST_FOLDER = 40
"""Characters of the path of Ray's folder; its sockets lie 60 deeper, and may have 107."""

LITTER_HOURS = 7 * 24.0
"""Age from which Ray's folder is one that a killed command left; no enrolment takes as long."""

_PREFIX = "faceunlock-ray-"
_INSIDE = "r"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster."""

    id: str
    name: str


def require_ray() -> None:
    """Refuse to go on without Ray; ``ray-missing``."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        raise ClusterError("ray-missing")


def check_address(address: str) -> None:
    """Refuse what is neither ``local`` nor HOST:PORT; ``usage``.

    Examples
    --------
    >>> check_address("local"), check_address("10.0.0.7:6379")
    (None, None)
    """
    host, _, port = address.rpartition(":")
    if address != LOCAL and not (host and "/" not in host and port.isdecimal() and int(port) < 1 << 16):
        raise SettingsError(
            "usage",
            f"the address of a Ray cluster is HOST:PORT, or {LOCAL} for this machine alone, not {address!r}",
            hint="The address is the one that ray start printed, such as 10.0.0.7:6379.",
        )


class Cluster:
    """A cluster that answers.

    Parameters
    ----------
    gpus : bool
        Whether workers use GPUs.
    """

    def __init__(self, *, gpus: bool = False) -> None:
        self._gpus = gpus

    def check(self) -> None:
        """Refuse a cluster of which a machine lacks this program or would compute differently.

        Raises
        ------
        ClusterError
            ``ray-worker-unfit``, ``ray-unreachable``.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ray = _ray()

        hello = ray.remote(num_cpus=0, max_retries=0)(_greeting())
        asked = {
            node: hello.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False))
            for node in _nodes()
        }
        ours = fingerprint()
        for node, answer in [(node, options.remote()) for node, options in asked.items()]:
            try:
                theirs = ray.get(answer, timeout=GREETING_SECONDS)
            except ray.exceptions.GetTimeoutError as error:
                raise ClusterError(
                    "ray-unreachable", f"{node.name} does not answer within {GREETING_SECONDS:.0f} s"
                ) from error
            except ray.exceptions.RayError as error:
                raise ClusterError("ray-worker-unfit", f"{node.name}: {_first_line(error)}") from error
            refuse_differing(node.name, ours, theirs)

    def workers(self) -> int:
        """Return how many workers the cluster can have."""
        ray = _ray()

        resources: dict[str, float] = ray.cluster_resources()
        if not self._gpus:
            return max(1, int(resources.get("CPU", 1)))
        found = int(resources.get("GPU", 0) / GPU_SHARE)
        if not found:
            raise ModelError("device-unavailable", "no machine of the Ray cluster has a GPU")
        return found

    def look(self, asked: Sequence[Asked], *arguments: Any) -> Iterator[tuple[str, list[Answer]]]:
        """Yield answers as they come, with the name of the machine they come from.

        Parameters
        ----------
        asked : sequence of Asked
        *arguments
            As for `faceunlock.tasks.ray_worker.Looker`.

        Raises
        ------
        ClusterError
            ``ray-worker-unfit`` with what a worker says, ``ray-failed``.
        """
        ray = _ray()

        workers = self.workers()
        rows = min(BLOCK, max(LEAST_BLOCK, -(-len(asked) // (workers * BLOCKS_PER_WORKER))))
        blocks = -(-len(asked) // rows)
        _quieten_data(ray)
        with warnings.catch_warnings():
            # Ray means to give the numbers of restarts another name one day.
            warnings.simplefilter("ignore", DeprecationWarning)
            photos = ray.data.from_items([asdict(one) for one in asked], override_num_blocks=blocks)
            answered = photos.map_batches(
                Actor,
                batch_size=None,
                batch_format="pyarrow",
                fn_constructor_args=arguments,
                compute=ray.data.ActorPoolStrategy(
                    min_size=1, max_size=workers, initial_size=min(workers, blocks)
                ),
                num_cpus=0 if self._gpus else 1,
                num_gpus=GPU_SHARE if self._gpus else None,
                max_restarts=RESTARTS,
                max_task_retries=RESTARTS,
            )
        try:
            for table in answered.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                yield from _by_node(table.to_pylist())
        except ray.exceptions.RayError as error:
            raise ClusterError(
                "ray-failed",
                f"Ray gave up: a worker was killed, ran out of memory or could not be reached more than "
                f"{RESTARTS} times ({_first_line(error)})",
            ) from error


@contextmanager
def open_cluster(address: str, cache: Path, *, gpus: bool = False) -> Iterator[Cluster]:
    """Start or join a cluster, check it, and leave it at the end.

    Parameters
    ----------
    address : str
        `LOCAL`, or HOST:PORT of a running cluster; this machine must be one of it.
    cache : Path
        Takes Ray's files if there is no place for temporary ones.
    gpus : bool
        Whether workers use GPUs.

    Raises
    ------
    ClusterError
        ``ray-missing``, ``ray-unreachable``, ``ray-worker-unfit``.
    SettingsError
        ``usage``; ``no-temporary-directory``.
    """
    check_address(address)
    require_ray()
    with ExitStack() as stack:
        if address == LOCAL:
            stack.enter_context(variables({**QUIET, **token()}))
            remove_litter(_PREFIX, _INSIDE, hours=LITTER_HOURS)
            # Ray lets everybody into its folder, so it gets one in a folder that is private.
            folder = stack.enter_context(temporary_folder(_PREFIX, cache / "ray")) / _INSIDE
            if len(str(folder)) > LONGEST_FOLDER:
                raise SettingsError(
                    "no-temporary-directory",
                    f"the path of the temporary directory is too long for Ray: {folder.parents[1]}",
                    hint="Set TMPDIR to a shorter one, such as /tmp.",
                )
            options: dict[str, Any] = {
                "address": LOCAL,
                "num_cpus": _cores(),
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": str(folder),
            }
        else:
            stack.enter_context(variables(QUIET))
            _require_answer(address)
            options = {"address": address}
        interrupts = stack.enter_context(Interrupts())
        stack.callback(_leave)
        with interrupts.kept():
            _join(options)
        cluster = Cluster(gpus=gpus)
        cluster.check()
        yield cluster


def refuse_differing(name: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    """Refuse a machine that lacks this program, or has other versions than this machine.

    Raises
    ------
    ClusterError
        ``ray-worker-unfit``.
    """
    if "missing" in theirs:
        raise ClusterError("ray-worker-unfit", f"faceunlock cannot be used on {name}: {theirs['missing']}")
    for what, version in ours.items():
        found = theirs.get(what, "none")
        if found != version:
            numbers = "" if what == "faceunlock" else f": {found}, not {version}"
            raise ClusterError("ray-worker-unfit", f"{name} has another {what} than this machine{numbers}")


def _ray() -> Any:
    """Return Ray with its part for data; half of its functions have no types."""
    import ray
    import ray.data

    return ray


def _greeting() -> Callable[[], dict[str, str]]:
    """Return a function that travels as code, so that a machine without faceunlock can say so."""

    def hello() -> dict[str, str]:
        try:
            from faceunlock.tasks.ray_worker import fingerprint as of_worker
        except ImportError as error:
            return {"missing": str(error)}
        return of_worker()

    hello.__module__ = "__main__"
    return hello


def _nodes() -> list[Node]:
    return [
        Node(node["NodeID"], f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})")
        for node in _ray().nodes()
        if node["Alive"] and node["Resources"].get("CPU")
    ]


def _by_node(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[Answer]]]:
    found: dict[str, list[Answer]] = {}
    for row in rows:
        node = row.pop("node")
        if row["state"] == "error":
            raise _said_by(node, row["packed"])
        found.setdefault(node, []).append(Answer(**row))
    yield from found.items()


def _said_by(node: str, packed: bytes) -> FaceUnlockError:
    """Return the error of a worker, which names its machine."""
    slug, message, hint = (*packed.decode("utf-8", "replace").split("\n"), "", "", "")[:3]
    known = slug if slug in SLUGS else "ray-failed"
    return ClusterError(known, f"on {node}: {printable(message)}", hint=printable(hint) or None)


def _require_answer(address: str) -> None:
    """Refuse an address at which no cluster answers, within seconds: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError("ray-unreachable", f"{address}: {error.strerror or error}") from error
    try:
        done = subprocess.run(  # noqa: S603 - this program's own interpreter
            [sys.executable, "-c", _QUESTION, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=HEALTH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterError("ray-unreachable", f"{address}: something answers, but not Ray") from error
    if done.returncode == _NO_TOKEN:
        raise ClusterError(
            "ray-unreachable",
            f"{address}: the cluster lets in only whoever has its token",
            hint="Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on the machines of the cluster.",
        )
    if done.returncode:
        raise ClusterError(
            "ray-unreachable", f"{address}: no Ray of this version answers, or it lets nobody in"
        )


def _join(options: dict[str, Any]) -> None:
    """Start or join a cluster without a word, and leave signals to whoever handles them now."""
    ray = _ray()
    _say_nothing(ray)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with silent():
            ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL)
    except (RuntimeError, ValueError, ConnectionError, OSError, ray.exceptions.RayError) as error:
        raise ClusterError("ray-unreachable", f"Ray at {options['address']}: {_first_line(error)}") from error
    finally:
        with suppress(ValueError):  # not the main thread, where no handler was set
            signal.signal(signal.SIGTERM, handler)


def _say_nothing(ray: Any) -> None:
    """Let no thread of Ray's print that a worker died: it would be on stdout, among our answers."""
    ray._private.worker.print_to_stdstream = lambda *_, **__: None


def _leave() -> None:
    _ray().shutdown()


def _quieten_data(ray: Any) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first_line(error: BaseException) -> str:
    """Return in a line what went wrong, or its cause: an error of Ray's holds whole tracebacks."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {_first_line(cause)}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0])[:200] if lines else type(error).__name__
