"""``faceunlock serve``: the address, the missing extra, the end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.program import Program

import faceunlock.web
from faceunlock.cli import run


def asked(address, path="", **headers):
    base, _, token = address.partition("?token=")
    request = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {token}", **headers})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_prints_its_address_serves_and_ends(tmp_path, number, code):
    program = Program(tmp_path / "home")
    # A browser that keeps what it was given, and what was in the file.
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/given\ncp "${{1#file://}}" {tmp_path}/page\n')
    browser.chmod(0o755)
    environment = program.environment({"BROWSER": f"{browser} %s"})
    with subprocess.Popen(
        program.command("serve", "--json", "--open"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        document = json.loads(process.stdout.readline())
        assert document["command"] == "serve" and document["ok"]
        data = document["data"]
        assert set(data) == {"address", "port", "token", "read_only"} and data["read_only"] is False
        assert data["address"] == f"http://127.0.0.1:{data['port']}/?token={data['token']}"
        assert json.loads(asked(data["address"], "api/v1/people"))["data"] == {"people": []}
        # Everybody can read the command lines of programs.
        for line in (process.pid, process.pid):
            assert data["token"] not in Path(f"/proc/{line}/cmdline").read_text()
        given = (tmp_path / "given").read_text().strip()
        assert data["token"] not in given
        file = Path(given.removeprefix("file://"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and data["address"] in file.read_text()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said and not file.exists()


def test_without_the_packages_it_says_what_to_install(monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(faceunlock, "web", faceunlock.web)  # a second import would stay there
    for module in [name for name in sys.modules if name.startswith("faceunlock.web")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run(["--home", str(tmp_path), "serve"]) == 2
    error = capfd.readouterr().err
    assert "[web-support-missing]" in error and "pip install '.[web]'" in error


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_a_usage_error(capfd, tmp_path, port):
    assert run(["--home", str(tmp_path), "serve", "--port", port]) == 2
    assert "[usage]" in capfd.readouterr().err


def test_a_port_that_is_taken_says_so(capfd, tmp_path):
    from faceunlock.web.server import bound

    taken = bound()
    try:
        port = taken[0].getsockname()[1]
        assert run(["--home", str(tmp_path), "serve", "--port", str(port), "--json"]) == 2
    finally:
        for one in taken:
            one.close()
    error = json.loads(capfd.readouterr().out)["error"]
    assert error["code"] == "port-unavailable" and str(port) in error["message"]


def test_the_help_needs_none_of_it():
    code = "import sys; from faceunlock.cli import run; run(['serve', '--help']); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    for module in ("starlette", "uvicorn", "numpy", "torch", "onnxruntime"):
        assert f"'{module}'" not in done.stdout
