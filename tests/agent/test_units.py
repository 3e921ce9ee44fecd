import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes import slug_of

from faceunlock.agent.units import units, write
from faceunlock.errors import SettingsError


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "systemd" / "user"


def test_units_of_the_own_gallery(config):
    socket, service = units(Path("/run/user/1000/faceunlock/agent.sock"), None)
    assert (socket.path, service.path) == (
        config / "faceunlock-agent.socket",
        config / "faceunlock-agent.service",
    )
    assert (
        "ListenStream=/run/user/1000/faceunlock/agent.sock\nSocketMode=0600\nDirectoryMode=0700"
        in socket.text
    )
    assert f'ExecStart="{sys.executable}" "-P" "-m" "faceunlock" "agent" "run"\n' in service.text


def test_names_with_a_meaning_to_systemd_are_quoted(config):
    home = Path('/srv/100%/a "b" $HOME')
    socket, service = units(home / "agent.sock", home)
    assert re.fullmatch("faceunlock-agent-a--b---HOME-[0-9a-f]{8}.socket", socket.path.name)
    assert service.path.name == socket.path.with_suffix(".service").name
    assert "ListenStream=/srv/100%%/" in socket.text
    assert '"--home" "/srv/100%%/a \\"b\\" $$HOME"' in service.text


@pytest.mark.parametrize(
    "text", ["x\nExecStart=/bin/sh", "x\r", "x\x0bx", "x\0", "x\u2028", "x\udcff", "x\x1b[2J"]
)
@pytest.mark.parametrize("where", ["socket", "home", "program"])
def test_a_path_that_would_begin_a_line_of_its_own_is_refused(config, monkeypatch, text, where):
    path = f"/srv/{text}"
    if where == "program":
        monkeypatch.setattr(sys, "executable", path)
    socket = Path(path if where == "socket" else "/x", "agent.sock")
    assert slug_of(units, socket, Path(path) if where == "home" else None) == "usage"
    assert not config.exists()


def test_writing_replaces_nothing_unless_told_to(config):
    made = units(Path("/x/agent.sock"), None)
    write(made)
    write(made)
    assert [unit.path.read_text() for unit in made] == [unit.text for unit in made]
    made[1].path.write_text("mine")
    made[0].path.unlink()
    with pytest.raises(SettingsError) as caught:
        write(made)
    assert (
        caught.value.slug == "file-exists"
        and not made[0].path.exists()
        and made[1].path.read_text() == "mine"
    )
    write(made, overwrite=True)
    assert made[1].path.read_text() == made[1].text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_them(config):
    made = units(Path("/run/user/1000/faceunlock/agent.sock"), Path("/srv/a b"))
    write(made)
    command = ["systemd-analyze", "--user", "verify", *(str(unit.path) for unit in made)]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(config.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    # Units of others that it does not understand are no business of ours.
    ours = [line for line in done.stderr.splitlines() if "faceunlock" in line]
    assert done.returncode == 0 and not ours


def test_two_galleries_never_share_units(config):
    homes = [Path("/srv/a/faces"), Path("/srv/b/faces"), Path("/srv/a b"), Path("/srv/a-b"), Path("/srv/a%b")]
    paths = [unit.path for home in homes for unit in units(home / "agent.sock", home)]
    assert len(set(paths)) == 2 * len(homes)
