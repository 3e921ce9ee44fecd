"""Pictures are written where the user wants them, and none is overwritten unasked."""

import stat
from pathlib import Path

import pytest
from PIL import Image
from support.fakes import slug_of

from faceunlock.files import outputs
from faceunlock.files.outputs import (
    check_destination,
    check_picture,
    never_replace,
    plan_folder,
    write_output,
    write_picture,
)

PICTURE = Image.new("RGB", (8, 8), "red")


def test_a_file_counts_as_written_from_the_moment_when_it_is_there(tmp_path, monkeypatch):
    """Ctrl-C may come right before and right after, wherever the writing stands."""
    written = outputs.Written()
    monkeypatch.setattr(outputs, "written", written)
    first, second = tmp_path / "first", tmp_path / "second"
    with outputs.noted(first):
        assert written.there() == ()
        first.write_bytes(b"x")
        assert written.there() == (first,)
    with pytest.raises(KeyboardInterrupt), outputs.noted(second):
        raise KeyboardInterrupt
    assert written.there() == (first,)
    with pytest.raises(FileNotFoundError), outputs.noted(second):
        raise FileNotFoundError
    with outputs.noted(first):
        pass
    assert written.there() == (first,) and second not in written.files


def test_each_name_gets_a_file_of_its_own(tmp_path):
    names = [Path("a.png"), Path("A.png"), Path("b/a.png"), Path("a-2.png"), Path("a.png")]
    planned = [str(path.relative_to(tmp_path)) for path in plan_folder(tmp_path, names, overwrite=False)]
    assert planned == ["a.png", "A-2.png", "b/a.png", "a-2-2.png", "a-3.png"]


def test_existing_files_are_named_before_any_work(tmp_path):
    (tmp_path / "a.png").write_bytes(b"mine")
    assert slug_of(plan_folder, tmp_path, [Path("a.png")], overwrite=False) == "file-exists"
    assert plan_folder(tmp_path, [Path("a.png")], overwrite=True) == (tmp_path / "a.png",)
    never = {"overwrite": True, "never": [tmp_path / "." / "a.png"]}
    assert slug_of(plan_folder, tmp_path, [Path("a.png")], **never) == "file-exists"
    assert slug_of(plan_folder, tmp_path / "a.png", [], overwrite=True) == "file-unwritable"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_a_picture_is_private_and_carries_nothing_but_pixels(tmp_path, suffix):
    file = tmp_path / "deep" / f"a{suffix}"
    write_picture(file, PICTURE, overwrite=False)
    with Image.open(file) as read:
        assert read.size == (8, 8) and not read.getexif()
        assert {*read.info} <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "faceunlock", "comment",
                                "loop", "background", "timestamp", "duration"}  # fmt: skip
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert slug_of(write_picture, file, PICTURE, overwrite=False) == "file-exists"
    write_picture(file, PICTURE, overwrite=True)


def test_a_picture_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert slug_of(write_picture, tmp_path / "file" / "a.png", PICTURE, overwrite=False) == "file-unwritable"
    assert slug_of(check_picture, tmp_path / "a.bmp", overwrite=False) == "file-unwritable"
    assert slug_of(check_picture, tmp_path / "no" / "a.png", overwrite=False) == "file-unwritable"
    check_picture(tmp_path / "a.png", overwrite=False)


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "folder"])
def test_a_source_is_never_replaced_by_whatever_name(tmp_path, link):
    source = tmp_path / "photos" / "a.png"
    source.parent.mkdir()
    source.write_bytes(b"mine")
    target = tmp_path / "b.png"
    if link == "same":
        target = tmp_path / "photos" / ".." / "photos" / "a.png"
    elif link == "symbolic":
        target.symlink_to(source)
    elif link == "hard":
        target.hardlink_to(source)
    else:
        (tmp_path / "other").symlink_to(source.parent)
        target = tmp_path / "other" / "a.png"
    never = {"overwrite": True, "never": [tmp_path / "gone.png", source]}
    assert slug_of(check_destination, target, **never) == "file-exists"
    assert slug_of(check_picture, target, **never) == "file-exists"
    assert slug_of(plan_folder, target.parent, [Path(target.name)], **never) == "file-exists"
    check_destination(tmp_path / "new.png", **never)


def test_what_is_read_is_never_replaced_by_an_output(tmp_path):
    own, other = tmp_path / "gallery.db", tmp_path / "cache"
    other.mkdir()
    never_replace(own, other)
    (tmp_path / "link").symlink_to(own)
    for target in (own, tmp_path / "link", other / "network.onnx", other / ".." / "gallery.db"):
        assert slug_of(check_destination, target, overwrite=True) == "file-exists"
        assert slug_of(write_output, target, b"", overwrite=True) == "file-exists"
    write_output(tmp_path / "report.html", b"", overwrite=False)
    write_output(tmp_path / "report.html", b"new", overwrite=True)


def test_names_that_are_too_long_are_shortened(tmp_path):
    long = [
        "ä" * 200 + ".png",
        "ä" * 200 + ".png",
        "x" * 255,
        "folder" * 50 + "/" + "y" * 300 + ".jpg",
        "z.png",
    ]
    planned = plan_folder(tmp_path / "not" / "yet", map(Path, long), overwrite=False)
    assert len(set(planned)) == len(long)
    assert [path.suffix for path in planned] == [".png", ".png", "", ".jpg", ".png"]
    for path in planned:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert planned[-1].name == "z.png" and planned[1].name.endswith("-2.png")
