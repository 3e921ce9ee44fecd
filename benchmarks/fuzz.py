"""Send many hostile photos and messages: does anything crash, hang, leak, or say yes?

Run: python benchmarks/fuzz.py [--photos 70000] [--messages 30000] [--seed 0] [--home DIR] [--no-save]
     python benchmarks/fuzz.py --again

Photos: small public-domain portraits of people who are not enrolled, in nine formats. Each is damaged in up
to eight places (bytes changed, removed, repeated or moved, numbers made extreme, files joined) and passed to
`FaceUnlock.verify` in a supervised process. "no" and errors with a slug are allowed; anything else is a
finding.

Messages: requests of a client to a live ``faceunlock agent run``, damaged in the same way and sent with the
right open file, a different file, several, a pipe, a folder or none. "no", errors, a refusal and a closed
connection are allowed.

A batch that takes longer than a minute counts as stuck, also on a machine that was busy with something else.
``--again`` repeats such batches alone, and adds what comes of them to the result.

A smaller run of this is one of the tests. The exit code is 1 if there is any finding.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

from common import RESULTS, collection, save
from PIL import Image

from faceunlock import FaceUnlock, FaceUnlockError
from faceunlock.agent import client, control, protocol
from faceunlock.tasks.demo import make_pictures

NAME = "Eileen"
LIMIT = 10.0
"""Seconds that one input may take, on a machine that also does other work."""
STUCK = 60.0
SIDE = 200
BATCH = 1000
EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
FORMATS = ("jpeg", "png", "webp", "tiff", "bmp", "gif", "ppm", "avif", "heif")


def main() -> int:
    """Make the inputs, collect the findings, print and write the result; return 1 if there is a finding."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=70_000)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help=f"a home where {NAME} is already enrolled")
    parser.add_argument("--no-save", action="store_true", help="write no result file")
    parser.add_argument("--again", action="store_true", help="repeat the batches that were stuck")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        make_pictures(folder)
        home = arguments.home or folder / "home"
        if arguments.home is None:
            with FaceUnlock(home, model="dlib") as unlock:
                unlock.enroll(NAME, folder / "photos")
        strangers = [folder / "stranger.jpg", *other_strangers()]
        seeds = [encoded(photo, kind) for photo in strangers for kind in FORMATS]
        if arguments.again:
            result = json.loads((RESULTS / "fuzz.json").read_text(encoding="utf-8"))
            result["again"] = parts = repeated(home, seeds, result)
        else:
            photos = fuzz_photos(home, seeds, arguments.photos, arguments.seed)
            messages = fuzz_messages(home, seeds, arguments.messages, arguments.seed, folder)
            parts = [photos, messages]
            result = {
                "seed": arguments.seed,
                "strangers": len(strangers),
                "formats": list(FORMATS),
                "limit_s": LIMIT,
                "photos": photos,
                "messages": messages,
                "minutes": round((time.monotonic() - started) / 60, 1),
            }
    print(json.dumps(result, indent=1))
    if not arguments.no_save:
        save("fuzz", result)
    return 1 if any(part["findings"] for part in parts) else 0


def repeated(home: Path, seeds: list[bytes], result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of the batches that were stuck in an earlier run, each run once more."""
    stuck = [finding.split() for finding in result["photos"]["findings"] if finding.endswith("stuck")]
    return [
        {
            "first": int(words[1]),
            **fuzz_photos(home, seeds, int(words[1]) + BATCH, result["seed"], int(words[1])),
        }
        for words in stuck
    ]


def other_strangers() -> list[Path]:
    """Return portraits of four more people who are not enrolled; none without the photo collection."""
    with contextlib.suppress(SystemExit):
        people = sorted(
            folder for folder in (collection() / "phone10" / "enroll").iterdir() if folder.is_dir()
        )
        return [sorted(folder.iterdir())[0] for folder in people[:4]]
    return []


def encoded(photo: Path, kind: str) -> bytes:
    """Return a small copy of a photo in the given format, with the metadata that cameras write."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    image = Image.open(photo).convert("RGB")
    image.thumbnail((SIDE, SIDE))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    options: dict[str, Any] = (
        {"exif": exif.tobytes()} if kind in ("jpeg", "png", "webp", "avif", "heif") else {}
    )
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# damage


def damaged(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return a copy damaged in one to eight places, about half of them in the headers."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        end = len(content) if rng.random() < 0.5 else min(len(content), 512)
        at = rng.randrange(end) if end else 0
        size = min(int(rng.expovariate(1 / 16)) + 1, 4096)
        rng.choice((flip, replace, extreme, remove, repeat, insert, move, cut, join))(
            content, at, size, others, rng
        )
    return bytes(content)


def flip(content: bytearray, at: int, _size: int, _others: list[bytes], rng: random.Random) -> None:
    """Change one bit."""
    if content:
        content[at] ^= 1 << rng.randrange(8)


def replace(content: bytearray, at: int, size: int, _others: list[bytes], rng: random.Random) -> None:
    """Overwrite with random bytes."""
    content[at : at + size] = rng.randbytes(len(content[at : at + size]))


def extreme(content: bytearray, at: int, _size: int, _others: list[bytes], rng: random.Random) -> None:
    """Overwrite with a number that programs often do not expect."""
    width = rng.choice((1, 2, 4))
    number = rng.choice(EXTREME) & (256**width - 1)
    content[at : at + width] = number.to_bytes(width, rng.choice(("big", "little")))


def remove(content: bytearray, at: int, size: int, _others: list[bytes], _rng: random.Random) -> None:
    """Remove some bytes."""
    del content[at : at + size]


def repeat(content: bytearray, at: int, size: int, _others: list[bytes], rng: random.Random) -> None:
    """Repeat some bytes."""
    content[at:at] = content[at : at + size] * rng.choice((1, 2, 50))


def insert(content: bytearray, at: int, size: int, _others: list[bytes], rng: random.Random) -> None:
    """Insert random bytes."""
    content[at:at] = rng.randbytes(size)


def move(content: bytearray, at: int, size: int, _others: list[bytes], rng: random.Random) -> None:
    """Move some bytes to another place."""
    part = content[at : at + size]
    del content[at : at + size]
    to = rng.randrange(len(content) + 1)
    content[to:to] = part


def cut(content: bytearray, at: int, _size: int, _others: list[bytes], _rng: random.Random) -> None:
    """Cut off the rest."""
    del content[at:]


def join(content: bytearray, at: int, _size: int, others: list[bytes], rng: random.Random) -> None:
    """Continue with part of another file."""
    other = rng.choice(others)
    content[at:] = other[rng.randrange(len(other)) :]


# photos


def fuzz_photos(home: Path, seeds: list[bytes], count: int, seed: int, first: int = 0) -> dict[str, Any]:
    """Verify damaged photos in a separate process and return the findings.

    If the process dies or gets stuck, another one continues after it.
    """
    context = multiprocessing.get_context("spawn")
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    slowest, memory, descriptors = 0.0, [], []
    begun = first
    while first < count:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=verify_photos, args=(there, home, seeds, first, count, seed))
        process.start()
        there.close()
        try:
            while here.poll(STUCK):
                report = here.recv()
                first = report["next"]
                outcomes.update(report["outcomes"])
                findings += report["findings"]
                slowest = max(slowest, report["slowest"])
                memory.append(report["megabytes"])
                descriptors.append(report["descriptors"])
            findings.append(f"photos {first} to {first + BATCH}: stuck")
            first += BATCH
        except EOFError:
            process.join()
            if process.exitcode:
                findings.append(
                    f"photos {first} to {first + BATCH}: the process died with {process.exitcode}"
                )
                first += BATCH
        process.kill()
        process.join()
    return {
        "inputs": count - begun,
        "outcomes": dict(outcomes.most_common()),
        "yes": outcomes["yes"],
        "slowest_s": round(slowest, 2),
        **steadiness(memory, descriptors),
        "findings": findings,
    }


def verify_photos(report: Any, home: Path, seeds: list[bytes], first: int, count: int, seed: int) -> None:
    """Verify damaged photos and send a report after every `BATCH`."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libtiff prints warnings
    with FaceUnlock(home, model="dlib") as unlock:
        for start in range(first, count, BATCH):
            outcomes: Counter[str] = Counter()
            findings, slowest = [], 0.0
            end = min(start + BATCH, count)
            for number in range(start, end):
                rng = random.Random(f"{seed} photo {number}")
                if number % 3 == 0:
                    unlock.unlock_attempts()  # after five times no, verify would be locked out
                photo = damaged(rng.choice(seeds), seeds, rng)
                begun = time.monotonic()
                try:
                    outcome = "yes" if unlock.verify(BytesIO(photo), NAME).decision.match else "no"
                except FaceUnlockError as error:
                    outcome = error.slug
                except BaseException as error:  # noqa: BLE001 - these are the findings
                    outcome = "crash"
                    findings.append(f"photo {number}: {error!r}")
                seconds = time.monotonic() - begun
                slowest = max(slowest, seconds)
                outcomes[outcome] += 1
                if outcome == "yes":
                    findings.append(f"photo {number}: yes")
                if seconds > LIMIT:
                    findings.append(f"photo {number}: {seconds:.1f} s")
            report.send(
                {
                    "next": end,
                    "outcomes": outcomes,
                    "findings": findings,
                    "slowest": slowest,
                    **resources("self"),
                }
            )


def resources(process: int | str) -> dict[str, float]:
    """Return the resident memory of a process, in megabytes, and the number of its open descriptors."""
    fields = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    resident = next(int(line.split()[1]) for line in fields if line.startswith("VmRSS:"))
    return {"megabytes": round(resident / 1000), "descriptors": len(os.listdir(f"/proc/{process}/fd"))}  # noqa: PTH208


def steadiness(memory: list[float], descriptors: list[float]) -> dict[str, Any]:
    """Return the memory, thinned, its median in each half, and the different numbers of descriptors."""
    half = max(1, len(memory) // 2)
    return {
        "megabytes": memory[:: max(1, len(memory) // 20)],
        "median_megabytes_of_halves": [statistics.median(memory[:half]), statistics.median(memory[-half:])],
        "descriptors": sorted(set(descriptors)),
    }


# messages


def fuzz_messages(home: Path, seeds: list[bytes], count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Send damaged messages to a live resident process and return the findings."""
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    slowest, memory, descriptors = 0.0, [], []
    command = [sys.executable, "-m", "faceunlock", "--home", str(home), "--model", "dlib", "agent", "run"]
    path = home / "agent.sock"
    photo = folder / "sent.png"
    photo.write_bytes(seeds[1])
    (folder / "no photo").write_bytes(b"no photo")
    files = Files(folder)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(path)
        for number in range(count):
            rng = random.Random(f"{seed} message {number}")
            if number % BATCH == 0:
                with FaceUnlock(home, model="dlib") as unlock:
                    unlock.unlock_attempts()
            begun = time.monotonic()
            message = question(home, rng)
            try:
                outcome = said(path, message, files.some(rng))
            except (OSError, ValueError) as error:
                outcome = type(error).__name__
            seconds = time.monotonic() - begun
            slowest = max(slowest, seconds)
            outcomes[outcome] += 1
            if outcome == "answered 0" and b"threshold=" not in message:
                findings.append(f"message {number}: yes")
            if seconds > LIMIT:
                findings.append(f"message {number}: {seconds:.1f} s")
            if outcome == "ConnectionRefusedError" or process.poll() is not None:
                findings.append(f"message {number}: the resident process is gone")
                break
            if number % BATCH == BATCH - 1 or number == count - 1:
                now = resources(process.pid)
                memory.append(now["megabytes"])
                descriptors.append(now["descriptors"])
        with FaceUnlock(home, model="dlib") as unlock:
            unlock.unlock_attempts()
        alive = control.state(path)
        if alive is None or alive.pid != process.pid:
            findings.append("the resident process does not answer at the end")
        answer = client.ask(
            ["verify", str(folder / "unseen.jpg"), "--home", str(home), "--as", NAME, "--model", "dlib"]
        )
        if answer is None or answer[0] != 0:
            findings.append(f"the right photo at the end: {answer}")
        process.send_signal(signal.SIGTERM)
        words = process.communicate(timeout=30)[1]
        if process.returncode or "Traceback" in words:
            findings.append(f"it ended with {process.returncode}: {words[-500:]}")
    files.close()
    return {
        "inputs": count,
        "outcomes": dict(outcomes.most_common()),
        "slowest_s": round(slowest, 2),
        **steadiness(memory, descriptors),
        "findings": findings,
    }


def wait_for(path: Path) -> None:
    """Wait until a resident process answers; exit if it does not within 30 seconds."""
    for _ in range(600):
        if control.state(path) is not None:
            return
        time.sleep(0.05)
    sys.exit("the resident process did not start")


class Files:
    """Open files of many kinds, valid and invalid."""

    def __init__(self, folder: Path) -> None:
        read, write = os.pipe()
        os.mkfifo(folder / "fifo")
        self.photo = os.open(folder / "sent.png", os.O_RDONLY)
        self.other = os.open(folder / "no photo", os.O_RDONLY)
        self.wrong = [
            read,
            write,
            os.open(folder, os.O_RDONLY),
            os.open(folder / "sent.png", os.O_PATH),
            os.open(folder / "sent.png", os.O_WRONLY | os.O_APPEND),
            os.open(folder / "fifo", os.O_RDWR),
            os.open("/dev/null", os.O_RDONLY),
            os.open("/dev/zero", os.O_RDONLY),
            os.open("/proc/self/mem", os.O_RDONLY),
        ]

    def some(self, rng: random.Random) -> list[int]:
        """Return the descriptors to send with one message."""
        kind = rng.random()
        if kind < 0.05:
            return [self.photo]
        if kind < 0.7:
            return [self.other]
        if kind < 0.9:
            return [rng.choice(self.wrong)]
        return rng.choices([self.photo, self.other, *self.wrong], k=rng.choice((0, 2, 3, 5, 100)))

    def close(self) -> None:
        """Close all files."""
        for descriptor in (self.photo, self.other, *self.wrong):
            os.close(descriptor)


def question(home: Path, rng: random.Random) -> bytes:
    """Return a message: usually damaged, sometimes with its length corrected afterwards."""
    fields = [
        *client._fields("verify", str(home), {"FACEUNLOCK_MODEL": "dlib"}),
        *rng.sample(
            ["photo=a.jpg", "as=Eileen", "json=1", "quiet=1", "faces=largest", "model=dlib", "device=cpu"],
            k=5,
        ),
    ]
    if rng.random() < 0.05:
        return rng.randbytes(rng.choice((0, 1, 3, 4, 5, 1000, 70_000)))
    whole = protocol.frame(fields)
    if rng.random() < 0.2:
        return whole
    other = [protocol.frame(["version=1", f"ask={rng.choice(('status', 'verify', 'x'))}"])]
    if rng.random() < 0.5:
        return damaged(whole, other, rng)
    content = damaged(whole[4:], other, rng)
    return len(content).to_bytes(4, "big") + content


def said(path: Path, message: bytes, files: list[int]) -> str:
    """Send a message with files and return the kind of answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(STUCK)
        with protocol.Address(str(path)) as address:
            connection.connect(address)
        if message:
            try:
                sent = socket.send_fds(connection, [message], files)
                connection.sendall(message[sent:])
            except (BrokenPipeError, ConnectionResetError):
                return "hung up"
        if len(message) < 4 or len(message) < 4 + int.from_bytes(message[:4], "big"):
            connection.shutdown(socket.SHUT_WR)  # nothing more to send; we still read the answer
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 16):
                answer += part
    frames = []
    while answer:
        length = 4 + int.from_bytes(answer[:4], "big")
        frames.append(answer[4:length].decode("utf-8", "surrogateescape").split("\0"))
        answer = answer[length:]
    if not frames:
        return "hung up"
    last = frames[-1]
    return (
        f"answered {last[1]}" if last[0] == protocol.ANSWERED and last[1:2] and len(last[1]) == 1 else last[0]
    )


if __name__ == "__main__":
    sys.exit(main())
