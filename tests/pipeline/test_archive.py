"""Archives of strangers: fetched from a server on this machine, checked, and read without unpacking."""

import hashlib
import io
import random
import tarfile
from dataclasses import replace

import pytest
from support.weights_helpers import answer, left_in, serving

from faceunlock.errors import CalibrationError, ModelError
from faceunlock.pipeline.archive import ARCHIVES, fetched, photos_in

LFW = ARCHIVES["lfw"]


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


CONTENT = tar_of(
    {
        "lfw_funneled/Ada/Ada_0001.jpg": random.Random(0).randbytes(200_000),
        "lfw_funneled/Ada/notes.txt": b"not a photo",
        "lfw_funneled/pairs.jpg/../../../../etc/Bob/b.png": b"two",
        "loose.jpg": b"nobody's",
        "lfw_funneled/Eve/link.jpg": None,
    }
)
ARCHIVE = replace(LFW, sha256=hashlib.sha256(CONTENT).hexdigest(), megabytes=1)


def part_server(content, ranges):
    """A server that can send a part."""

    def respond(handler):
        asked = handler.headers.get("Range")
        ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:])

    return respond


def fetch(folder, server=None, **options):
    with fetched(ARCHIVE, folder, mirror=server.url if server else None, **options) as path:
        return path.read_bytes()


def slug(folder, server=None, **options):
    with pytest.raises((ModelError, CalibrationError)) as caught:
        fetch(folder, server, **options)
    return caught.value.slug


def test_the_archive_is_the_one_that_scikit_learn_fetches():
    from sklearn.datasets import _lfw

    published = _lfw.FUNNELED_ARCHIVE
    assert (f"{LFW.base}/{LFW.remote}", LFW.file, LFW.sha256) == (
        published.url,
        published.filename,
        published.checksum,
    )


def test_it_is_fetched_with_progress_checked_and_removed(tmp_path):
    seen = []
    with serving(answer(CONTENT)) as server:
        assert fetch(tmp_path, server, progress=lambda done, total: seen.append((done, total))) == CONTENT
        assert server.requested == ["/files/lfw-funneled.tgz"]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and left_in(tmp_path) == []


def test_a_download_that_broke_off_goes_on(tmp_path):
    with serving(answer(CONTENT[:-40], length=len(CONTENT))) as server:
        assert slug(tmp_path, server) == "download-failed"
    assert left_in(tmp_path) == ["lfw-funneled.tgz.part"]
    part = (tmp_path / "lfw-funneled.tgz.part").stat()
    assert 0 < part.st_size < len(CONTENT) and part.st_mode & 0o777 == 0o600
    ranges, seen = [], []
    with serving(part_server(CONTENT, ranges)) as server:
        assert fetch(tmp_path, server, progress=lambda done, total: seen.append((done, total))) == CONTENT
    assert ranges == [f"bytes={part.st_size}-"] and seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_server_that_sends_no_part_begins_again(tmp_path):
    (tmp_path / "lfw-funneled.tgz.part").write_bytes(b"another beginning")
    with serving(answer(CONTENT)) as server:
        assert fetch(tmp_path, server) == CONTENT


def test_a_part_that_is_too_long_is_not_kept(tmp_path):
    def unsatisfiable(handler):
        answer(b"", status=416 if handler.headers.get("Range") else 200)(handler)

    (tmp_path / "lfw-funneled.tgz.part").write_bytes(b"x" * 10)
    with serving(unsatisfiable) as server:
        assert slug(tmp_path, server) == "download-failed"
    with serving(answer(CONTENT)) as server:
        assert fetch(tmp_path, server) == CONTENT


def test_a_wrong_archive_is_refused_and_not_kept(tmp_path):
    wrong = CONTENT[:-1] + b"x"
    with serving(answer(wrong)) as server, pytest.raises(ModelError, match="its checksum is") as caught:
        fetch(tmp_path, server)
    assert caught.value.slug == "download-failed" and "--from" in caught.value.hint
    assert left_in(tmp_path) == []


def test_an_archive_that_is_far_too_large_is_not_fetched(tmp_path):
    with (
        serving(answer(b"x" * 100_000, length=3_000_000)) as server,
        pytest.raises(ModelError, match="larger than"),
    ):
        fetch(tmp_path, server)


def test_an_archive_that_is_not_used_up_is_not_fetched_again(tmp_path):
    with serving(answer(CONTENT)) as server:
        with pytest.raises(KeyboardInterrupt), fetched(ARCHIVE, tmp_path, mirror=server.url):
            raise KeyboardInterrupt
        assert left_in(tmp_path) == ["lfw-funneled.tgz"]
        assert fetch(tmp_path, server) == CONTENT and len(server.requested) == 1
    assert left_in(tmp_path) == []


def test_a_file_of_your_own_is_checked_and_left_alone(tmp_path):
    mine = tmp_path / "mine.tgz"
    mine.write_bytes(CONTENT)
    assert fetch(tmp_path / "cache", file=mine) == CONTENT
    assert mine.exists() and not (tmp_path / "cache").exists()
    mine.write_bytes(CONTENT[1:])
    assert slug(tmp_path / "cache", file=mine) == "file-unreadable"
    assert slug(tmp_path / "cache", file=tmp_path / "none") == "file-unreadable"
    assert slug(tmp_path / "cache", file=tmp_path) == "file-unreadable"


def test_photos_come_with_the_name_of_their_folder_and_nothing_is_unpacked(tmp_path):
    (tmp_path / "a.tgz").write_bytes(CONTENT)
    found = [(photo.name, person, len(photo.data)) for photo, person in photos_in(tmp_path / "a.tgz", 10)]
    assert found == [
        ("lfw_funneled/Ada/Ada_0001.jpg", "Ada", 200_000),
        ("lfw_funneled/pairs.jpg/../../../../etc/Bob/b.png", "Bob", 3),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", CONTENT[:200]])
def test_what_is_no_archive_is_an_error(tmp_path, content):
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(CalibrationError) as caught:
        list(photos_in(tmp_path / "a.tgz", 10))
    assert caught.value.slug == "file-unreadable"
