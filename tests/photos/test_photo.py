"""Reading files and streams, and walking folders."""

from __future__ import annotations

import hashlib
import inspect
import io
import os
import signal
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.fakes import read_photo

from faceunlock.errors import PhotoError
from faceunlock.files.marks import Mark
from faceunlock.files.outputs import write_picture
from faceunlock.files.text import printable
from faceunlock.photos import photo as photos
from faceunlock.photos.folders import (
    OURS,
    PHOTO_SUFFIXES,
    Level,
    _natural,
    find_photos,
    one_level,
    person_folders,
)

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def hurry(seconds: int = 5) -> Iterator[None]:
    """Turn a hang into an error."""

    def late(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    path.write_bytes(png())
    return path


def touch(folder: Path, *names: str) -> None:
    """Make files, each with its parents."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(found: tuple[Path, ...], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


class TestReadPhoto:
    def test_a_file(self, photo: Path) -> None:
        read = read_photo(photo)
        assert read.name == str(photo)
        assert np.array_equal(read.image, PIXELS)
        assert read.digest == hashlib.sha256(png()).digest()

    def test_a_stream(self) -> None:
        read = read_photo(io.BytesIO(png()))
        assert read.name == "standard input"
        assert np.array_equal(read.image, PIXELS)
        assert read.digest == hashlib.sha256(png()).digest()

    def test_an_open_file_keeps_its_name(self, photo: Path) -> None:
        with photo.open("rb") as stream:
            assert read_photo(stream).name == str(photo)
        with open(os.open(photo, os.O_RDONLY), "rb") as numbered:  # noqa: PTH123
            assert read_photo(numbered).name == "standard input"

    def test_a_stream_that_gives_little_at_a_time(self) -> None:
        class Drops(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(7)

        assert np.array_equal(read_photo(Drops(png())).image, PIXELS)

    def test_a_name_of_its_own(self, photo: Path) -> None:
        assert read_photo(photo, name="camera").name == "camera"
        with pytest.raises(PhotoError, match=r"^camera: is empty"):
            read_photo(io.BytesIO(), name="camera")

    def test_the_suffix_does_not_matter(self, photo: Path) -> None:
        assert np.array_equal(read_photo(photo.rename(photo.with_suffix(".jpg"))).image, PIXELS)

    def test_the_pixel_limit_is_passed_on(self, photo: Path) -> None:
        with pytest.raises(PhotoError, match=r"6 x 4 = 24 pixels; the limit is 23") as caught:
            read_photo(photo, max_pixels=23)
        assert caught.value.slug == "photo-too-large"

    def test_the_pixels_do_not_show_in_its_text(self, photo: Path) -> None:
        assert str(photo) in repr(read_photo(photo))
        assert "data" not in repr(read_photo(photo)) and "array" not in repr(read_photo(photo))

    @pytest.mark.parametrize("path", ["missing.jpg", "me.png/inside.jpg", "no/such/folder/me.png"])
    def test_missing(self, photo: Path, path: str) -> None:
        with pytest.raises(PhotoError, match=r"no such file or folder") as caught:
            read_photo(photo.parent / path)
        assert caught.value.slug == "photo-not-found"

    @pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 300])
    def test_impossible_names(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(PhotoError, match="cannot be opened") as caught:
            read_photo(tmp_path / name)
        assert caught.value.slug == "unreadable-photo"
        assert printable(caught.value.message).isprintable()

    def test_control_characters_and_undecodable_bytes_are_escaped(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"\x1b[31m\xff.jpg")
        with pytest.raises(PhotoError, match=r"\x1b\[31m\\udcff\.jpg: no such") as caught:
            read_photo(tmp_path / name)
        caught.value.message.encode()

    def test_an_empty_file(self, tmp_path: Path) -> None:
        touch(tmp_path, "empty.jpg")
        with pytest.raises(PhotoError, match=r"empty\.jpg: is empty") as caught:
            read_photo(tmp_path / "empty.jpg")
        assert caught.value.slug == "unreadable-photo"

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match="is a folder") as caught:
            read_photo(tmp_path)
        assert caught.value.slug == "unreadable-photo"

    def test_a_pipe_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(PhotoError, match="pipe, socket or device"):
            read_photo(tmp_path / "pipe.jpg")

    def test_a_pipe_swapped_in_does_not_block(self, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        original = os.open

        def swapped(path: str | Path, *options: int) -> int:
            if Path(path) == photo:
                photo.unlink()
                os.mkfifo(photo)
            return original(path, *options)

        monkeypatch.setattr(os, "open", swapped)
        with hurry(), pytest.raises(PhotoError, match="pipe, socket or device") as caught:
            read_photo(photo)
        assert caught.value.slug == "unreadable-photo"

    def test_a_pipe_of_the_shell_is_read(self) -> None:
        reading, writing = os.pipe()
        os.write(writing, png())
        os.close(writing)
        try:
            assert np.array_equal(read_photo(Path(f"/dev/fd/{reading}")).image, PIXELS)
        finally:
            os.close(reading)

    def test_a_pipe_of_the_shell_has_the_limit_of_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(photos, "MAX_BYTES", 64)
        reading, writing = os.pipe()
        os.write(writing, png() + bytes(64))
        os.close(writing)
        try:
            with pytest.raises(PhotoError) as caught:
                read_photo(Path(f"/proc/self/fd/{reading}"))
            assert caught.value.slug == "photo-too-large"
        finally:
            os.close(reading)

    def test_a_socket_and_a_device(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s.jpg")
            for path in (Path("s.jpg"), Path("/dev/zero")):
                with pytest.raises(PhotoError, match="pipe, socket or device") as caught:
                    read_photo(path)
                assert caught.value.slug == "unreadable-photo"

    def test_a_link_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "round.jpg").symlink_to("round.jpg")
        with pytest.raises(PhotoError, match="cannot be opened"):
            read_photo(tmp_path / "round.jpg")

    @needs_permissions
    def test_without_permission(self, photo: Path) -> None:
        photo.chmod(0)
        with pytest.raises(PhotoError, match="Permission denied") as caught:
            read_photo(photo)
        assert caught.value.slug == "unreadable-photo"

    def test_permission_denied_on_opening(self, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(PhotoError, match=r"me\.png: cannot be opened: Permission denied") as caught:
            read_photo(photo)
        assert caught.value.slug == "unreadable-photo"

    def test_too_many_bytes_are_refused_before_reading(self, tmp_path: Path) -> None:
        path = tmp_path / "sparse.jpg"
        path.touch()
        os.truncate(path, photos.MAX_BYTES + 1)
        with pytest.raises(PhotoError, match="more than 1024 MiB") as caught:
            read_photo(path)
        assert caught.value.slug == "photo-too-large"

    def test_a_stream_without_end_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(photos, "MAX_BYTES", 3 << 20)
        with (
            Path("/dev/zero").open("rb") as zeros,
            pytest.raises(PhotoError, match="/dev/zero: has more than 3 MiB") as caught,
        ):
            read_photo(zeros)
        assert caught.value.slug == "photo-too-large"

    def test_a_stream_that_fails(self) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        with pytest.raises(PhotoError, match="standard input: cannot be read: Input/output error") as caught:
            read_photo(Broken())
        assert caught.value.slug == "unreadable-photo"


class TestFindPhotos:
    def test_natural_order_depth_first(self, tmp_path: Path) -> None:
        touch(tmp_path, "10.jpg", "9.jpg", "B.png", "a.JPG", "b/2.jpg", "b/1/z.webp", "c.heic", "1.tif")
        listing = find_photos([tmp_path])
        assert names(listing.photos, tmp_path) == (
            ["1.tif", "9.jpg", "10.jpg", "a.JPG", "b/1/z.webp", "b/2.jpg", "B.png", "c.heic"]
        )
        assert listing.skipped == 0

    def test_other_files_are_counted_and_hidden_ones_are_not(self, tmp_path: Path) -> None:
        touch(
            tmp_path,
            "a.jpg",
            "notes.txt",
            "film.mp4",
            "sub/Thumbs.db",
            ".DS_Store",
            "._a.jpg",
            ".cache/b.jpg",
        )
        os.mkfifo(tmp_path / "pipe.jpg")
        (tmp_path / "dangling.jpg").symlink_to("nowhere.jpg")
        (tmp_path / "round.jpg").symlink_to("round.jpg")
        listing = find_photos([tmp_path])
        assert names(listing.photos, tmp_path) == ["a.jpg"]
        assert listing.skipped == 6

    def test_what_is_named_is_taken(self, tmp_path: Path) -> None:
        touch(tmp_path, "photo", ".hidden.jpg", ".folder/a.jpg", "notes.txt")
        sources = [tmp_path / "photo", tmp_path / ".hidden.jpg", tmp_path / ".folder"]
        listing = find_photos(sources)
        assert names(listing.photos, tmp_path) == ["photo", ".hidden.jpg", ".folder/a.jpg"]
        assert listing.skipped == 0

    def test_every_suffix_in_either_case(self, tmp_path: Path) -> None:
        touch(
            tmp_path,
            *(f"{case(suffix)}/x{case(suffix)}" for suffix in PHOTO_SUFFIXES for case in (str, str.upper)),
        )
        folders = list(tmp_path.iterdir())
        assert len(find_photos(folders).photos) == 2 * len(PHOTO_SUFFIXES)

    def test_the_order_of_the_sources_is_kept(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.jpg", "b.jpg")
        sources = [tmp_path / "b.jpg", tmp_path / "a.jpg"]
        assert find_photos(sources).photos == tuple(sources)

    def test_the_same_file_counts_once(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.jpg", "sub/b.jpg")
        (tmp_path / "c.jpg").symlink_to("a.jpg")
        (tmp_path / "d.jpg").hardlink_to(tmp_path / "a.jpg")
        again = tmp_path / "sub" / ".." / "a.jpg"
        listing = find_photos([tmp_path, tmp_path / "a.jpg", again, tmp_path / "sub", tmp_path])
        assert names(listing.photos, tmp_path) == ["a.jpg", "sub/b.jpg"]
        assert listing.skipped == 0

    def test_circles_of_folders_end(self, tmp_path: Path) -> None:
        touch(tmp_path, "sub/deep/a.jpg", "b.jpg")
        (tmp_path / "sub" / "deep" / "up").symlink_to(tmp_path)
        (tmp_path / "sub" / "self").symlink_to(".")
        assert names(find_photos([tmp_path]).photos, tmp_path) == ["b.jpg", "sub/deep/a.jpg"]

    def test_linked_folders_are_followed(self, tmp_path: Path) -> None:
        touch(tmp_path, "elsewhere/a.jpg")
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "link").symlink_to(tmp_path / "elsewhere")
        assert names(find_photos([tmp_path / "mine"]).photos, tmp_path) == ["mine/link/a.jpg"]

    def test_very_deep_folders(self, tmp_path: Path) -> None:
        deep = "/".join("d" * 100) + "/a.jpg"
        touch(tmp_path, deep)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(len(inspect.stack()) + 60)  # fewer calls than folders
        try:
            listing = find_photos([tmp_path])
        finally:
            sys.setrecursionlimit(limit)
        assert names(listing.photos, tmp_path) == [deep]

    def test_nothing_and_an_empty_folder(self, tmp_path: Path) -> None:
        assert find_photos([]).photos == ()
        assert find_photos([tmp_path]).photos == ()

    def test_a_missing_source(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.jpg")
        with pytest.raises(PhotoError, match=r"b\.jpg: no such file or folder") as caught:
            find_photos([tmp_path / "a.jpg", tmp_path / "b.jpg"])
        assert caught.value.slug == "photo-not-found"

    @pytest.mark.parametrize("method", ["iterdir", "stat"])
    def test_what_cannot_be_read_is_left_out_and_named_unless_the_user_named_it(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        method: str,
    ) -> None:
        touch(tmp_path, "locked/a.jpg", "zoe/1.jpg", "0.jpg")
        original = getattr(Path, method)

        def refuse(path: Path, **options: object) -> object:
            if "locked" in path.parts:
                raise PermissionError(13, "Permission denied")
            return original(path, **options)

        monkeypatch.setattr(Path, method, refuse)
        with pytest.raises(PhotoError, match="locked: cannot be opened: Permission denied") as caught:
            find_photos([tmp_path / "locked"])
        assert caught.value.slug == "unreadable-photo"
        assert not caplog.messages
        listing = find_photos([tmp_path])
        assert names(listing.photos, tmp_path) == ["0.jpg", "zoe/1.jpg"]
        assert listing.skipped == 1
        assert [f"{tmp_path}/locked: cannot be opened: Permission denied; left out"] == caplog.messages
        people = person_folders(tmp_path)
        assert [person for person, paths in people.people.items() if paths] == ["zoe"]

    def test_a_path_that_is_too_long_does_not_end_the_walk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        touch(tmp_path, "a.jpg")
        monkeypatch.chdir(tmp_path)
        for _ in range(17):  # 17 * 251 bytes, more than the system takes as one path
            os.mkdir("d" * 250)  # noqa: PTH102
            os.chdir("d" * 250)
        touch(Path(), "lost.jpg")
        monkeypatch.chdir(tmp_path)
        listing = find_photos([tmp_path])
        assert names(listing.photos, tmp_path) == ["a.jpg"]
        assert listing.skipped == 1

    @pytest.mark.parametrize(
        "name",
        ["@eaDir", "#recycle", "#Snapshot", "$RECYCLE.BIN", "System Volume Information", "lost+found",
         "__MACOSX", ".thumbnails"],
    )  # fmt: skip
    def test_folders_no_person_made_are_neither_people_nor_photos(self, tmp_path: Path, name: str) -> None:
        touch(tmp_path, f"{name}/a.jpg", f"ada/{name}/b.jpg", "ada/1.jpg")
        assert names(find_photos([tmp_path]).photos, tmp_path) == ["ada/1.jpg"]
        found = person_folders(tmp_path)
        assert (list(found.people), found.count, found.skipped) == (["ada"], 1, 0)
        assert names(find_photos([tmp_path / name]).photos, tmp_path) == [f"{name}/a.jpg"]  # unless named

    def test_pictures_that_we_wrote_are_no_photos_wherever_they_lie(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch(tmp_path, "ada/1.jpg", "bob/2.jpg")
        for name in ("ada/heatmap.png", "out/bob/copy.jpg", "ada/sheet.webp"):
            write_picture(tmp_path / name, Image.new("RGB", (4, 4)), overwrite=False)
        write_picture(tmp_path / "ada/crops/1.png", Image.new("RGB", (4, 4)), overwrite=False, mark=Mark.CROP)
        listing = find_photos([tmp_path])
        assert names(listing.photos, tmp_path) == ["ada/1.jpg", "bob/2.jpg"]
        assert (listing.skipped, listing.kinds) == (4, {OURS: 4})
        assert listing.others == " (4 files are not photos: 4 written by faceunlock)"
        assert "passed over 4 pictures that faceunlock wrote" in caplog.text
        found = person_folders(tmp_path)
        assert (list(found.people), found.count, found.skipped) == (["ada", "bob"], 2, 4)  # "out" is nobody
        file = tmp_path / "ada/heatmap.png"
        assert find_photos([file]).photos == (file,)  # named itself
        touch(tmp_path, "out/bob/3.jpg")  # photos that come later to a folder of ours are photos
        assert [photo.name for photo in person_folders(tmp_path).people["out"]] == ["3.jpg"]

    def test_crops_are_photos_where_there_is_nothing_else(self, tmp_path: Path) -> None:
        for name in ("ada/1.png", "bob/1.png"):
            write_picture(tmp_path / name, Image.new("RGB", (4, 4)), overwrite=False, mark=Mark.CROP)
        write_picture(tmp_path / "contact-sheet.png", Image.new("RGB", (4, 4)), overwrite=False)
        assert names(find_photos([tmp_path]).photos, tmp_path) == ["ada/1.png", "bob/1.png"]
        assert {name: len(photos) for name, photos in person_folders(tmp_path).people.items()} == {
            "ada": 1,
            "bob": 1,
        }
        assert person_folders(tmp_path).loose == ()

    def test_the_suffixes_of_what_is_no_photo_are_counted(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.dng", "b.DNG", "c.mov", "d.jxl", "ada/e.dng", "Makefile")
        listing = find_photos([tmp_path])
        assert listing.skipped == 6
        assert dict(listing.kinds) == {"": 1, ".dng": 3, ".jxl": 1, ".mov": 1}
        assert listing.others.startswith(" (6 files are not photos: 3 .dng, 1 ")
        assert "1 without a suffix" in listing.others
        assert person_folders(tmp_path).kinds == listing.kinds

    @given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=12)))
    def test_any_names_can_be_ordered_however_they_are_encoded(self, some: list[str]) -> None:
        decomposed = [unicodedata.normalize("NFD", name) for name in some]
        assert sorted(map(_natural, some)) == sorted(map(_natural, decomposed))

    @given(st.integers(0, 10**12), st.integers(0, 10**12))
    def test_numbers_are_ordered_by_value(self, first: int, second: int) -> None:
        ordered = _natural(f"IMG_{first}.jpg") < _natural(f"img_{second:015}.JPG")
        assert ordered == (first < second)


class TestPersonFolders:
    def test_people_loose_photos_and_the_rest(self, tmp_path: Path) -> None:
        touch(
            tmp_path, "bob/1.jpg", "ada/10.jpg", "ada/2.jpg", "ada/more/3.jpg", "ada/notes.txt", "group.jpg"
        )
        touch(tmp_path, "README", ".git/a.jpg", "ada/.hidden.jpg", "nobody/notes.txt")
        found = person_folders(tmp_path)
        assert {name: names(paths, tmp_path) for name, paths in found.people.items()} == {
            "ada": ["ada/2.jpg", "ada/10.jpg", "ada/more/3.jpg"],
            "bob": ["bob/1.jpg"],
            "nobody": [],
        }
        assert list(found.people) == ["ada", "bob", "nobody"]
        assert names(found.loose, tmp_path) == ["group.jpg"]
        assert found.skipped == 3

    def test_composed_and_decomposed_names_are_one_person(self, tmp_path: Path) -> None:
        composed, decomposed = "Zoë", unicodedata.normalize("NFD", "Zoë")
        touch(tmp_path, f"{composed}/1.jpg", f"{decomposed}/2.jpg")
        found = person_folders(tmp_path)
        assert list(found.people) == [composed]
        if len(list(tmp_path.iterdir())) == 2:  # a file system may hold them to be the same
            assert {path.name for path in found.people[composed]} == {"1.jpg", "2.jpg"}

    def test_a_name_that_cannot_be_printed_is_escaped(self, tmp_path: Path) -> None:
        touch(tmp_path, os.fsdecode(b"a\n\xff") + "/1.jpg")
        assert list(person_folders(tmp_path).people) == [r"a\n\udcff"]

    def test_a_link_back_makes_nobody_own_all_photos(self, tmp_path: Path) -> None:
        touch(tmp_path, "ada/1.jpg", "bob/1.jpg")
        (tmp_path / "bob" / "up").symlink_to(tmp_path)
        (tmp_path / "all").symlink_to(".")
        found = person_folders(tmp_path)
        assert {name: names(paths, tmp_path) for name, paths in found.people.items()} == {
            "ada": ["ada/1.jpg"],
            "all": [],
            "bob": ["bob/1.jpg"],
        }

    def test_a_dangling_link_is_skipped(self, tmp_path: Path) -> None:
        (tmp_path / "gone").symlink_to("nowhere")
        found = person_folders(tmp_path)
        assert (found.people, found.loose, found.skipped) == ({}, (), 1)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match="no such file or folder") as caught:
            person_folders(tmp_path / "people")
        assert caught.value.slug == "photo-not-found"

    def test_a_file(self, photo: Path) -> None:
        with pytest.raises(PhotoError, match=r"me\.png: is a file, not a folder") as caught:
            person_folders(photo)
        assert caught.value.slug == "photo-not-found"


def test_importing_it_loads_no_decoder() -> None:
    heavy = {"pillow_heif", "PIL.JpegImagePlugin", "PIL.TiffImagePlugin", "PIL.ImageCms", "torch"}
    script = f"import sys, faceunlock.photos.photo; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_one_level_of_a_folder_is_listed_and_nothing_below(tmp_path: Path) -> None:
    for name in ("10", "2", ".hidden", "@eaDir"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "below.jpg").touch()
    for name in ("b.JPG", "a.jpg", ".c.jpg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "2")
    folders, found = ("2", "10", "linked"), ("a.jpg", "b.JPG")
    expected = Level(tuple(tmp_path / one for one in folders), tuple(tmp_path / one for one in found))
    assert one_level(tmp_path) == expected


@pytest.mark.parametrize("name", ["none", "file", "x" * 300, "nul\0"])
def test_what_is_no_folder_has_no_level(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PhotoError):
        one_level(tmp_path / name)
