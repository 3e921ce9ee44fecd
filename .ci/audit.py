"""Ask pip-audit about the installed versions of the direct dependencies.

Fails on a known vulnerability. Where the advisory data cannot be reached, it says so and goes on: no network
is no vulnerability, and no clean bill of health.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
UNREACHABLE = ("could not be audited", "ConnectionError", "ServiceError", "Max retries", "timed out")


def pinned() -> list[str]:
    """Return name==version of every direct dependency that is installed."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = []
    for requirement in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", requirement).group()
        try:
            pins.append(f"{name}=={version(name).split('+')[0]}")
        except PackageNotFoundError:
            sys.exit(f"{name} is not installed")
    return pins


def main() -> int:
    """Run pip-audit and return its verdict."""
    pins = pinned()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(pins))
        requirements.flush()
        command = ["-m", "pip_audit", "-r", requirements.name, "--no-deps", "--disable-pip"]
        done = subprocess.run(
            [sys.executable, *command, "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            check=False,
        )
    output = done.stdout + done.stderr
    unreached = sum(word in line for line in output.splitlines() for word in UNREACHABLE[:1])
    if "known vulnerabilit" in output and "No known vulnerabilities" not in output:
        print(output)
        return 1
    if unreached or any(word in output for word in UNREACHABLE):
        missed = unreached or len(pins)
        print(f"{missed} of {len(pins)} direct dependencies not audited: no advisory data within reach")
        return 0
    print(f"{len(pins)} direct dependencies: no known vulnerabilities" if done.returncode == 0 else output)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
