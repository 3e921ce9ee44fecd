import importlib
import inspect
import subprocess
import sys

import pytest
from support.fakes import (
    FakeDetector,
    FakeEmbedder,
    slug_of,
)

import faceunlock
from faceunlock.unlock import FaceUnlock


def test_queries_write_nothing_but_the_attempt(open_home, home, ada, bob):
    open_home().enroll("Ada", ada)
    open_home().verify(ada / "0.png", "Ada")
    gallery = home / "gallery.db"
    before = gallery.stat().st_mtime_ns, gallery.read_bytes(), sorted(home.iterdir())
    unlock = open_home()
    unlock.verify(ada / "0.png", "Ada")
    unlock.verify(bob / "0.png")
    unlock.people()
    unlock.status()
    unlock.models()
    unlock.calibrate(ada.parent, target_fmr=0.4, split=2)
    slug_of(unlock.verify, bob / "0.png", "Nobody")
    assert (gallery.stat().st_mtime_ns, gallery.read_bytes(), sorted(home.iterdir())) == before


def test_queries_of_an_empty_gallery_create_nothing(unlock, home):
    unlock.people()
    unlock.status()
    unlock.models()
    assert not home.exists()


def test_a_gallery_can_be_moved(open_home, tmp_path, ada):
    open_home().enroll("Ada", ada)
    summary = open_home().export_to(tmp_path / "moved.faces", "a long passphrase")
    assert summary.people == ("Ada",)
    with FaceUnlock(tmp_path / "other", detector=FakeDetector(), embedder=FakeEmbedder()) as other:
        assert other.import_from(str(tmp_path / "moved.faces"), "a long passphrase").added == ("Ada",)
        assert other.verify(ada / "0.png", "Ada").decision.match


def test_errors_that_need_no_network_load_none(open_home, home, ada, tmp_path):
    open_home().enroll("Ada", ada)
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    script = f"""
import sys
from faceunlock import FaceUnlock, FaceUnlockError
with FaceUnlock({str(home)!r}) as unlock:
    unlock.people(), unlock.models(), unlock.status()
    for call, arguments in (
        (unlock.verify, ("nowhere.jpg",)), (unlock.verify, ({str(tmp_path / "broken.jpg")!r}, "Ada")),
        (unlock.verify, ("nowhere.jpg", "Bob")), (unlock.enroll, ("Ada", "nowhere")),
        (unlock.enroll, ("Bob", "nowhere")), (unlock.calibrate, ("nowhere",)),
    ):
        try:
            call(*arguments)
        except FaceUnlockError as error:
            print(error.slug)
print([name for name in ("torch", "onnxruntime", "matplotlib", "sklearn") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[:-1] == [
        "photo-not-found", "unreadable-photo", "not-enrolled", "already-enrolled", "photo-not-found",
        "photo-not-found", "[]",
    ]  # fmt: skip


OPTIONS = [
    ("enroll", "enroll", "EnrollOptions"),
    ("enroll", "take_several", "TakeSeveralOptions"),
    ("verify", "verify", "VerifyOptions"),
    ("verify", "take", "TakeOptions"),
    ("identify", "identify", "IdentifyOptions"),
    ("compare", "compare", "CompareOptions"),
    ("crop", "crop", "CropOptions"),
    ("calibrate", "calibrate", "CalibrateOptions"),
    ("pad", "measure_pad", "PadOptions"),
    ("classify", "learn_classifier", "LearnOptions"),
    ("classify", "classify", "ClassifyOptions"),
    ("report", "report", "ReportOptions"),
    ("audit", "audit", "AuditOptions"),
    ("bench", "bench", "BenchOptions"),
]


@pytest.mark.parametrize(("module", "task", "options"), OPTIONS)
def test_the_facade_offers_the_options_of_the_task(module, task, options):
    tasks = importlib.import_module(f"faceunlock.tasks.{module}")
    parameters = inspect.signature(getattr(tasks, task)).parameters.values()
    own = {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "clock"}
    assert getattr(tasks, options).__annotations__.keys() == own.keys()
    offered = inspect.signature(getattr(FaceUnlock, task)).parameters["options"]
    assert offered.annotation == f"Unpack[{options}]"


@pytest.mark.parametrize(("module", "task", "options"), OPTIONS)
def test_a_method_says_where_its_parameters_stand(module, task, options):
    assert f"`faceunlock.tasks.{module}.{task}`" in getattr(FaceUnlock, task).__doc__


def test_the_package_shows_its_face():
    shown = dir(faceunlock)
    assert {"FaceUnlock", "FaceUnlockError", "Decision", "Template", "errors", "__version__"} <= set(shown)
    assert shown == sorted(shown)
