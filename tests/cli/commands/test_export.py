"""``faceunlock export`` and ``import``: where the passphrase comes from."""

import os

import pytest

SECRET = "söme wörds of mine"


@pytest.fixture
def exported(faceunlock, ada, tmp_path, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", SECRET)
    assert faceunlock("export", tmp_path / "kept")[0] == 0
    monkeypatch.delenv("FACEUNLOCK_PASSPHRASE")
    return tmp_path / "kept"


def _private(file, content):
    file.write_bytes(content)
    file.chmod(0o600)
    return file


FILES = {
    "plain": SECRET.encode(),
    "unix": f"{SECRET}\nsecond line\n".encode(),
    "windows": f"{SECRET}\r\nsecond line".encode(),
    "mac": f"{SECRET}\r".encode(),
    "mark": f"\ufeff{SECRET}\r\n".encode(),
    "utf-16": f"{SECRET}\r\n".encode("utf-16"),
}


@pytest.mark.parametrize("kind", FILES)
def test_one_passphrase_by_every_door(faceunlock, exported, tmp_path, monkeypatch, kind):
    file = _private(tmp_path / "secret", FILES[kind])
    assert faceunlock("import", exported, "--passphrase-file", file)[0] == 0
    if kind != "utf-16":
        monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", FILES[kind].decode())
        assert faceunlock("import", exported)[0] == 0
        monkeypatch.delenv("FACEUNLOCK_PASSPHRASE")
    typed = FILES["plain" if kind == "utf-16" else kind].decode()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: typed)
    assert faceunlock("import", exported)[0] == 0


def test_an_empty_variable_is_no_passphrase(faceunlock, exported, monkeypatch):
    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", "")
    code, _, err = faceunlock("import", exported)
    assert code == 2 and "no passphrase, and no terminal" in err


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o622])
@pytest.mark.parametrize("command", ["import", "export"])
def test_a_passphrase_that_others_can_read_is_refused(faceunlock, exported, tmp_path, command, mode):
    file = _private(tmp_path / "secret", FILES["plain"])
    file.chmod(mode)
    words = (exported,) if command == "import" else (tmp_path / "new",)
    code, _, err = faceunlock(command, *words, "--passphrase-file", file)
    assert code == 2 and "[insecure-permissions]" in err and f"chmod 600 '{file}'" in err
    assert not (tmp_path / "new").exists()


def test_a_passphrase_from_another_program_is_taken(faceunlock, exported):
    read, write = os.pipe()
    os.write(write, FILES["unix"])
    os.close(write)
    try:
        assert faceunlock("import", exported, "--passphrase-file", f"/dev/fd/{read}")[0] == 0
    finally:
        os.close(read)


@pytest.mark.parametrize(("content", "slug"), [(None, "file-unreadable"), (b"no export", "export-damaged")])
def test_an_import_looks_before_it_asks(faceunlock, tmp_path, monkeypatch, content, slug):
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: pytest.fail("it asked"))
    code, _, err = faceunlock("import", tmp_path / "file")
    assert code == 2 and f"[{slug}]" in err
