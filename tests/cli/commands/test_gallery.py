"""``faceunlock gallery`` and ``--gallery``, with painted photos and a real server."""

from __future__ import annotations

import pytest
from support.fakes import paint, save
from support.program import Program


def test_from_a_file_to_a_server_and_back(faceunlock, server, own_database, ada, tmp_path):
    url, home = server.url(own_database), tmp_path / "home"
    server.run("DROP SCHEMA faceunlock CASCADE", own_database)
    code, out, err = faceunlock("gallery")
    assert (code, err) == (0, "") and out.splitlines()[0] == f"gallery  {home / 'gallery.db'}"
    code, _, err = faceunlock("people", "--gallery", url)
    assert code == 2 and "[server-not-set-up]" in err
    assert f"run: faceunlock --home {home} gallery setup --gallery '{url}'" in err
    code, out, err = faceunlock("gallery", "setup", "--gallery", url)
    assert (code, err) == (0, "")
    assert out.startswith(f"{url} now has the tables of a gallery (format 1).\nRights given to the roles ")
    assert "has its tables already (format 1)" in faceunlock("gallery", "setup", "--gallery", url)[1]
    assert "nobody is enrolled" in faceunlock("gallery", "--gallery", url)[1]
    assert faceunlock("enroll", "Ada", ada)[0] == 0
    code, out, err = faceunlock("gallery", "copy", "local", url)
    assert code == 0 and out.startswith("Copied 1 person, 0 thresholds and 0 banks of strangers (1 new, 0 ")
    assert err == f'To use it, put into config.toml: gallery = "{url}"\n'
    (home / "config.toml").write_text(f'gallery = "{url}"\n', encoding="utf-8")
    (home / "config.toml").chmod(0o600)
    probe = save(tmp_path / "probe.png", paint(1, 30))
    found = faceunlock.data("verify", probe)
    assert found["match"] and found["search"] == "exact"
    assert len(faceunlock("log")[1].splitlines()) == 2
    assert len(faceunlock("log", "--gallery", "local")[1].splitlines()) == 1
    state = faceunlock.data("gallery")
    assert state["gallery"] == url and state["may_enroll"] and state["indexes"][0]["search"] == "exact"
    assert f"\ngallery     {url}\n" in "\n" + faceunlock("status")[1]
    assert faceunlock.data("status")["gallery"] == url
    code, out, _ = faceunlock("gallery", "index", "--probes", "20")
    assert code == 0 and "of 20 probes" in out and "recall at least " in out
    assert "HNSW index of " in faceunlock("gallery")[1]
    code, _, err = faceunlock("verify", save(tmp_path / "no.png", paint(2, 30)))
    assert code == 1 and "may have missed the right person" in err
    assert faceunlock("gallery", "index", "--drop")[1].startswith("The index is deleted")
    assert faceunlock("gallery", "index", "--drop")[1].startswith("There was no index")
    code, _, err = faceunlock("protect", "on")
    assert code == 2 and "[cannot-seal]" in err
    assert "whoever can read the database" in faceunlock("protect")[1]


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (("people", "--gallery", "/srv/faces"), "bad-gallery"),
        (("people", "--gallery", "postgresql://ada:sesame@db.example/faces"), "bad-gallery"),
        (("people", "--gallery", "postgresql://db.example/faces?sslmode=require"), "server-insecure"),
        (("people", "--gallery", "postgresql://127.0.0.1:1/faces"), "server-unreachable"),
        (("gallery", "setup"), "bad-gallery"),
        (("gallery", "index"), "bad-gallery"),
        (("gallery", "copy", "local", "local"), "usage"),
        (("gallery", "copy", "local", "elsewhere"), "bad-gallery"),
    ],
)
def test_what_is_wrong_is_told_and_no_password_repeated(faceunlock, words, slug):
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and f"[{slug}]" in err and "sesame" not in err


def test_the_sql_is_what_a_set_up_runs(faceunlock, server, own_database):
    code, out, err = faceunlock("gallery", "setup", "--print")
    assert (code, err) == (0, "") and "CREATE ROLE faceunlock_verify NOLOGIN;" in out
    lines = [line for line in out.splitlines() if not line.startswith(("--", "CREATE ROLE"))]
    server.run("DROP SCHEMA faceunlock CASCADE; DROP EXTENSION IF EXISTS vector", own_database)
    server.run("\n".join(lines), own_database)
    code, out, _ = faceunlock("gallery", "setup", "--gallery", server.url(own_database))
    assert code == 0 and "has its tables already" in out


def test_the_real_program_finds_its_gallery_by_the_environment(server, database, tmp_path):
    """Also without NumPy: nobody waits long for a list of names."""
    program = Program(tmp_path / "home")
    found = program("people", env={"FACEUNLOCK_GALLERY": server.url(database)})
    assert (found.code, found.stdout) == (0, "Nobody is enrolled.\n")
    gone = program("people", env={"FACEUNLOCK_GALLERY": "postgresql:///x?host=/nowhere"})
    assert gone.code == 2 and "[server-unreachable]" in gone.stderr
