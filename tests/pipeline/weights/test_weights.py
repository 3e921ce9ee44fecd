import dataclasses
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from support.crippled import failing, without_locks
from support.originals import inception_resnet
from support.weights_helpers import answer, left_in, refused, serving

from faceunlock.errors import ModelError
from faceunlock.pipeline import weights
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.registry import Bundled, model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.weights import cache as weights_cache
from faceunlock.pipeline.weights import download
from faceunlock.pipeline.weights.pull import can_fetch, pull

CASIA = model_spec("casia-webface")
VGGFACE2 = model_spec("vggface2")
DLIB = model_spec("dlib")


@pytest.fixture(autouse=True, scope="session")
def no_wait_for_the_disk():
    """Nothing here pulls the plug, and a busy disk would make every file of 94 MB take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def no_torch_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def published():
    """A file like the published ones: the network's weights, here random, and a classifier."""
    torch.manual_seed(0)
    state = {
        **inception_resnet().state_dict(),
        "logits.weight": torch.zeros(5, 512),
        "logits.bias": torch.zeros(5),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


# --- the way it should go


def test_download_convert_load_embed(cache, published):
    seen = []
    with serving(answer(published)) as server:
        path = pull(CASIA, cache, mirror=server.url, progress=lambda *step: seen.append(step))
        again = pull(CASIA, cache, mirror=server.url)
    assert server.requested == ["/files/20180408-102900-casia-webface.pt"], (
        "the second pull has nothing to fetch"
    )
    assert path == again == cache / "weights" / "casia-webface.safetensors" == weights.locate(CASIA, cache)
    assert left_in(cache) == ["casia-webface.json", "casia-webface.safetensors"]
    assert [p.stat().st_mode & 0o777 for p in (path.parent, path, path.with_suffix(".json"))] == [
        0o700,
        0o600,
        0o600,
    ]
    assert seen[-1] == (len(published), len(published))
    assert seen == sorted(seen)

    source = hashlib.sha256(published).hexdigest()
    state = weights.find(CASIA, cache)
    assert (state.status, state.sha256, state.size_bytes) == ("present", source, path.stat().st_size)
    assert state.source == f"{server.url}/20180408-102900-casia-webface.pt"
    assert weights.verify(CASIA, cache) == state

    loaded = weights.load(CASIA, cache)
    original = torch.load(io.BytesIO(published), weights_only=True)
    assert loaded.sha256 == source
    assert not any(name.startswith("logits") for name in loaded.arrays)
    np.testing.assert_array_equal(loaded.arrays["last_linear.weight"], original["last_linear.weight"].numpy())

    embedder = load_embedder("casia-webface", cache=cache, engine=Engine("torch", "cpu", cache))
    crops = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    reference = inception_resnet().eval()
    reference.load_state_dict({name: original[name] for name in reference.state_dict()})
    with torch.inference_mode():
        expected = reference((torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.5) / 128).numpy()
    np.testing.assert_allclose(embedder.embed(crops), expected, atol=1e-5)
    assert embedder.identity.weights_sha256 == source


def test_from_a_file_and_from_torchs_own_cache_without_any_network(cache, published, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda *args, **options: pytest.fail("must not download"))
    given = tmp_path / "given.pt"
    given.write_bytes(published)
    path = pull(CASIA, cache, file=given)
    assert given.read_bytes() == published, "the user's file is left alone"
    first = path.read_bytes()

    spec = dataclasses.replace(
        VGGFACE2, sha256=hashlib.sha256(published).hexdigest(), size_bytes=len(published)
    )
    kept = Path(os.environ["TORCH_HOME"]) / "checkpoints" / VGGFACE2.weights.files[0].name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(published)
    assert can_fetch(spec, "http://127.0.0.1:1")
    assert pull(spec, cache).name == "vggface2.safetensors"
    assert weights.find(spec, cache).source == str(kept)

    pull(CASIA, cache, file=given, force=True)
    assert path.read_bytes() == first, "the same source gives the same bytes"


def test_two_pulls_at_once_download_once(cache, published):
    def slowly(handler):
        time.sleep(0.3)
        answer(published)(handler)

    results = []
    with serving(slowly) as server:
        threads = [
            threading.Thread(target=lambda: results.append(pull(CASIA, cache, mirror=server.url)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 2
    assert len(server.requested) == 1
    assert weights.verify(CASIA, cache).status == "present"


# --- trust


def test_trust_on_first_use_refuses_another_file_later(cache, published, tmp_path):
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    first.write_bytes(published)
    second.write_bytes(published + b"\0")
    path = pull(CASIA, cache, file=first)
    before = path.read_bytes()
    error = refused("weights-corrupt", pull, CASIA, cache, file=second, force=True)
    assert hashlib.sha256(published).hexdigest() in error.message
    assert "casia-webface.json" in error.hint
    assert "--model compact" in error.hint
    assert path.read_bytes() == before
    assert weights.verify(CASIA, cache).status == "present"


def test_published_checksum_is_enforced(cache, published, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *args, **options: pytest.fail("must not even be read"))
    with serving(answer(published)) as server:
        error = refused("weights-corrupt", pull, VGGFACE2, cache, mirror=server.url)
    assert VGGFACE2.sha256 in error.message
    assert "--model compact" in error.hint
    assert left_in(cache) == []


class Attack:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_a_download_that_carries_code_is_refused_and_not_run(cache, tmp_path):
    buffer = io.BytesIO()
    torch.save({"last_bn.bias": Attack(str(tmp_path / "ran"))}, buffer)
    with serving(answer(buffer.getvalue())) as server:
        refused("weights-corrupt", pull, CASIA, cache, mirror=server.url)
    assert not (tmp_path / "ran").exists()
    assert left_in(cache) == []


# --- whatever disks and people do


@pytest.mark.parametrize("when", ["download", "conversion"])
def test_a_full_disk(cache, published, when):
    """In a process of its own that may write no large files, as on a full disk."""
    limit = 1_000_000 if when == "download" else 50_000_000
    program = (
        "import sys, resource, pathlib\n"
        "from faceunlock.pipeline.weights.pull import pull\n"
        "from faceunlock.pipeline.models.registry import model_spec\n"
        "from faceunlock.errors import ModelError\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "cache, source = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
        "where = {'mirror': source} if source.startswith('http') else {'file': pathlib.Path(source)}\n"
        "try:\n"
        "    pull(model_spec('casia-webface'), cache, **where)\n"
        "except ModelError as error:\n"
        "    print(error.slug, error.message, error.hint)\n"
    )
    with serving(answer(published)) as server:
        source = server.url
        if when == "conversion":
            given = cache.parent / "given.pt"
            given.write_bytes(published)
            source = str(given)
        done = subprocess.run(
            [sys.executable, "-c", program, str(cache), source], capture_output=True, text=True, check=False
        )
    assert done.stdout.startswith("weights-unwritable"), done.stderr
    assert "File too large" in done.stdout
    assert "--model compact" in done.stdout
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    error = refused("weights-unwritable", pull, CASIA, tmp_path / "file")
    assert str(tmp_path / "file") in error.message
    assert "--model compact" in error.hint


@pytest.mark.parametrize(
    ("number", "slug"),
    [
        (errno.ENOLCK, "locks-unsupported"),
        (errno.ENOTSUP, "locks-unsupported"),
        (errno.EIO, "weights-unwritable"),
    ],
)
def test_a_cache_on_a_file_system_without_locks(cache, monkeypatch, number, slug):
    without_locks(monkeypatch, number)
    with pytest.raises(ModelError) as caught, weights_cache.writing(CASIA, cache):
        pass
    assert caught.value.slug == slug and os.strerror(number) in caught.value.message


def test_a_cache_on_a_file_system_without_fsync_and_modes(cache, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    monkeypatch.setattr(Path, "chmod", failing(errno.EPERM))
    with weights_cache.writing(CASIA, cache):
        written = weights_cache.write(CASIA, cache, b"weights", "here", "0" * 64)
    assert written.read_bytes() == b"weights" and weights_cache.read_manifest(CASIA, cache) is not None


def test_interrupt_leaves_nothing(cache):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with serving(answer(b"x" * 200_000)) as server, pytest.raises(KeyboardInterrupt):
        pull(CASIA, cache, mirror=server.url, progress=interrupt)
    assert left_in(cache) == []


def test_a_killed_pull_leaves_no_weights_and_the_next_one_tidies_up(cache):
    program = (
        "import os, pathlib, sys\n"
        "from faceunlock.pipeline.weights.pull import pull\n"
        "from faceunlock.pipeline.models.registry import model_spec\n"
        "kill = lambda done, total: done and os.kill(os.getpid(), 9)\n"
        "pull(model_spec('casia-webface'), pathlib.Path(sys.argv[1]),\n"
        "             mirror=sys.argv[2], progress=kill)\n"
    )
    with serving(answer(b"x" * 200_000)) as server:
        done = subprocess.run([sys.executable, "-c", program, str(cache), server.url], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(left_in(cache)) == 1, "the half-written file of the killed process"
        assert weights.find(CASIA, cache).status == "absent"
        refused("weights-corrupt", pull, CASIA, cache, mirror=server.url)
    assert left_in(cache) == []


def test_killed_between_weights_and_record(cache, published, tmp_path, monkeypatch):
    given = tmp_path / "given.pt"
    given.write_bytes(published)
    real = weights_cache.atomic_write

    def only_the_weights(path, content):
        if path.suffix == ".json":
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(weights_cache, "atomic_write", only_the_weights)
    with pytest.raises(KeyboardInterrupt):
        pull(CASIA, cache, file=given)
    assert weights.find(CASIA, cache).status == "absent"
    refused("weights-missing", weights.load, CASIA, cache)
    monkeypatch.setattr(weights_cache, "atomic_write", real)
    pull(CASIA, cache, file=given)
    assert weights.verify(CASIA, cache).status == "present"


@pytest.mark.parametrize("kind", ["absent", "folder", "large"])
def test_a_file_that_cannot_be_the_one(cache, tmp_path, kind):
    given = tmp_path / "given.pt"
    if kind == "folder":
        given.mkdir()
    elif kind == "large":
        with given.open("wb") as stream:
            stream.truncate(10**10)
    slug = "weights-corrupt" if kind == "large" else "weights-missing"
    assert str(given) in refused(slug, pull, CASIA, cache, file=given).message


# --- weights that are there, but not as they should be


@pytest.fixture(scope="session")
def pulled(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pulled")
    given = folder / "given.pt"
    given.write_bytes(published)
    pull(CASIA, folder / "cache", file=given)
    return folder


@pytest.fixture
def cached(cache, pulled):
    shutil.copytree(pulled / "cache", cache)
    return cache / "weights" / "casia-webface.safetensors"


def test_a_flipped_bit_is_found(cache, cached):
    content = bytearray(cached.read_bytes())
    content[-1000] ^= 1
    cached.write_bytes(content)
    assert weights.find(CASIA, cache).status == "present", "the cheap look sees sizes only"
    state = weights.verify(CASIA, cache)
    assert state.status == "corrupt"
    assert "checksum" in state.problem
    error = refused("weights-corrupt", weights.load, CASIA, cache)
    assert "models pull casia-webface --force" in error.hint


def test_truncated_weights_are_found_at_once_and_replaced(cache, cached, pulled):
    with cached.open("r+b") as stream:
        stream.truncate(1000)
    assert weights.find(CASIA, cache).status == weights.verify(CASIA, cache).status == "corrupt"
    assert weights.locate(CASIA, cache) is None
    refused("weights-corrupt", weights.load, CASIA, cache)
    pull(CASIA, cache, file=pulled / "given.pt")
    assert weights.verify(CASIA, cache).status == "present"


def test_deleted_weights_are_absent(cache, cached):
    cached.unlink()
    state = weights.find(CASIA, cache)
    assert state.status == "absent"
    assert state.sha256, "what was trusted first is still known"
    refused("weights-missing", weights.load, CASIA, cache)


def test_weights_of_another_source_are_not_vggface2(cache, cached):
    for suffix in (".safetensors", ".json"):
        cached.with_suffix(suffix).rename(cached.with_name(f"vggface2{suffix}"))
    state = weights.find(VGGFACE2, cache)
    assert state.status == "corrupt"
    assert "published" in state.problem
    refused("weights-corrupt", weights.load, VGGFACE2, cache)


def test_a_record_and_weights_that_are_not_the_networks(cache, cached):
    content = b"not safetensors"
    cached.write_bytes(content)
    record = cached.with_suffix(".json")
    fields = json.loads(record.read_text())
    fields |= {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    record.write_text(json.dumps(fields))
    refused("weights-corrupt", weights.load, CASIA, cache)


@pytest.mark.parametrize(
    "record", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"format": 2}', b"[" * 100_000, "{fields}"]
)
def test_a_damaged_record(cache, cached, record):
    path = cached.with_suffix(".json")
    if record == "{fields}":
        record = json.dumps(json.loads(path.read_text()) | {"size_bytes": "many"}).encode()
    path.write_bytes(record)
    state = weights.find(CASIA, cache)
    assert state.status == "corrupt"
    assert "casia-webface.json" in state.problem
    assert weights.verify(CASIA, cache) == state
    refused("weights-corrupt", weights.load, CASIA, cache)


@pytest.mark.parametrize("which", ["folder", "file"])
def test_weights_that_others_can_write_are_refused(cache, cached, which):
    path = cached.parent if which == "folder" else cached
    path.chmod(path.stat().st_mode | 0o022)
    error = refused("insecure-permissions", weights.load, CASIA, cache)
    assert str(path) in error.message
    assert "chmod" in error.hint


# --- weights that a package carries


def test_bundled_weights(cache):
    state = weights.verify(DLIB, cache)
    assert (state.status, state.sha256, state.size_bytes) == ("present", DLIB.sha256, 22_466_066)
    assert pull(DLIB, cache) == state.path == weights.locate(DLIB, cache)
    assert weights.load(DLIB, cache).sha256 == DLIB.sha256
    assert not cache.exists()


def test_bundled_weights_of_a_missing_package(cache):
    spec = dataclasses.replace(DLIB, weights=Bundled("no_such_package_here", "file"))
    assert weights.find(spec, cache).status == "absent"
    assert not can_fetch(spec)
    for call in (weights.load, pull):
        assert "pip install no_such_package_here" in refused("weights-missing", call, spec, cache).hint


@pytest.mark.parametrize("damage", ["size", "content"])
def test_damaged_bundled_weights(cache, tmp_path, monkeypatch, damage):
    package = tmp_path / "carrier"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('must not be imported')")
    content = bytearray(weights.locate(DLIB, cache).read_bytes())
    content[5_000_000] ^= 1
    (package / "file").write_bytes(content[:-1] if damage == "size" else content)
    monkeypatch.syspath_prepend(tmp_path)
    spec = dataclasses.replace(DLIB, weights=Bundled("carrier", "file"))
    assert weights.verify(spec, cache).status == "corrupt"
    assert "reinstall" in refused("weights-corrupt", weights.load, spec, cache).hint
    if damage == "size":
        refused("weights-corrupt", pull, spec, cache)


# --- the real thing, where it has been pulled


def test_the_real_vggface2_tells_faces_apart():
    from importlib.util import find_spec

    from PIL import Image
    from platformdirs import user_cache_path

    from faceunlock.photos.face import Face

    cache = Path(os.environ.get("FACEUNLOCK_CACHE_DIR") or user_cache_path("faceunlock"))
    if weights.locate(VGGFACE2, cache) is None:
        pytest.skip("needs the weights of vggface2 in the cache (faceunlock models pull vggface2)")
    embedder = load_embedder("vggface2", cache=cache, engine=Engine("torch", "cpu", cache))
    folder = Path(find_spec("skimage").origin).parent / "data"
    photo = np.asarray(Image.open(folder / "astronaut.png").convert("RGB"))
    face = embedder.crop(photo, Face((181.05, 62.16, 267.75, 172.05), (), 1.0))
    other = np.asarray(
        Image.open(
            Path(find_spec("matplotlib").origin).parent / "mpl-data/sample_data/grace_hopper.jpg"
        ).resize((160, 160))
    )
    same, mirrored, stranger = embedder.embed(np.stack([face, face[:, ::-1], other]))
    assert same @ mirrored > 0.8 > 0.5 > same @ stranger
