"""Which engine answers first, and networks that open in a thread."""

import threading
from pathlib import Path

import numpy as np
import pytest

from faceunlock.errors import FaceUnlockError, ModelError
from faceunlock.pipeline.runtime import CUDA_PAYS_FROM, Opening, choose_engine

CACHE = Path("cache")


@pytest.fixture
def driver(tmp_path):
    path = tmp_path / "driver"
    path.touch()
    return path


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)


def test_one_photo_is_quickest_on_the_processor(driver, gpu):
    engine = choose_engine("auto", CACHE, driver=driver)
    assert (engine.runtime, engine.device, engine.workers) == ("onnx", "cpu", 1)


def test_a_large_folder_pays_for_starting_a_gpu(driver, gpu):
    engine = choose_engine("auto", CACHE, photos=CUDA_PAYS_FROM, driver=driver)
    assert (engine.runtime, engine.device) == ("torch", "cuda")
    assert choose_engine("auto", CACHE, photos=CUDA_PAYS_FROM - 1, driver=driver).device == "cpu"


def test_without_a_gpu_a_large_folder_stays_on_the_processor(driver, tmp_path):
    for path in (driver, tmp_path / "no driver"):
        engine = choose_engine("auto", CACHE, photos=10_000, driver=path)
        assert (engine.runtime, engine.device) == ("onnx", "cpu")
        assert engine.workers >= 1


@pytest.mark.parametrize("photos", [1, 10_000])
def test_the_runtime_can_be_said(driver, gpu, photos):
    assert choose_engine("cpu", CACHE, runtime="torch", photos=photos).runtime == "torch"
    assert choose_engine("auto", CACHE, runtime="onnx", photos=photos, driver=driver).runtime == "onnx"
    assert choose_engine("cuda", CACHE, photos=photos).device == "cuda"


def test_what_cannot_be_had_is_said(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelError) as caught:
        choose_engine("cuda", CACHE)
    assert caught.value.slug == "device-unavailable"
    with pytest.raises(FaceUnlockError) as caught:
        choose_engine("cuda", CACHE, runtime="onnx")
    assert caught.value.slug == "bad-setting"


def test_a_network_opens_while_other_work_goes_on():
    begun, may_finish = threading.Event(), threading.Event()

    def open_network():
        begun.set()
        assert may_finish.wait(10)
        return lambda batch: batch + 1

    network = Opening(open_network)
    assert begun.wait(10)
    may_finish.set()
    assert network(np.zeros(2, dtype=np.float32)).tolist() == [1, 1]


def test_an_error_while_opening_reaches_every_caller():
    def open_network():
        raise ModelError("weights-missing")

    network = Opening(open_network)
    for _ in range(2):
        with pytest.raises(ModelError, match="not on this machine"):
            network(np.zeros(1, dtype=np.float32))
