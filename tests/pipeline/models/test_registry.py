import subprocess
import sys

import pytest

from faceunlock.errors import ModelError
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.registry import (
    EMBEDDED_DEFAULT,
    MODELS,
    RECOMMENDED,
    Bundled,
    Download,
    model_spec,
)
from faceunlock.pipeline.models.shipped import shipped_calibration
from faceunlock.pipeline.runtime import Engine


def test_every_model_says_what_it_is():
    for name, spec in MODELS.items():
        assert model_spec(name) is spec
        assert spec.id == name
        assert spec.licence
        assert spec.training_data
        assert str(spec.input_size) in spec.preprocessing
        assert spec.sha256 is None or len(bytes.fromhex(spec.sha256)) == 32
    assert {name: spec.dimension for name, spec in MODELS.items()} == {
        "retail-0095": 256,
        "vggface2": 512,
        "casia-webface": 512,
        "compact": 128,
        "dlib": 128,
    }


def test_the_embedded_default_needs_no_download():
    assert isinstance(model_spec(EMBEDDED_DEFAULT).weights, Bundled)


def test_a_model_that_is_chosen_by_itself_has_a_measured_threshold():
    """What is recommended is what was measured; both can be had within seconds."""
    assert [spec.id for spec in MODELS.values() if spec.recommended] == [RECOMMENDED] == ["retail-0095"]
    for model in (RECOMMENDED, EMBEDDED_DEFAULT):
        assert shipped_calibration(model).status == "shipped"
        assert model_spec(model).size_bytes < 8_000_000


def test_files_that_are_published_together_are_each_known():
    for spec in MODELS.values():
        if isinstance(spec.weights, Download) and len(spec.weights.files) > 1:
            assert sum(file.size_bytes for file in spec.weights.files) == spec.size_bytes
            assert all(len(bytes.fromhex(file.checksum)) in (32, 48) for file in spec.weights.files)
            assert len({file.name for file in spec.weights.files}) == len(spec.weights.files)


def test_unknown_model_lists_the_known(tmp_path):
    for call in (
        lambda: model_spec("arcface"),
        lambda: load_embedder("arcface", cache=tmp_path, engine=Engine("torch", "cpu", tmp_path)),
    ):
        with pytest.raises(
            ModelError, match=r"arcface.*retail-0095, vggface2, casia-webface, compact, dlib"
        ) as caught:
            call()
        assert caught.value.slug == "unknown-model"


def test_knowing_and_finding_models_needs_no_engine(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from faceunlock.pipeline import weights\n"
        "from faceunlock.pipeline.models import registry\n"
        f"cache = pathlib.Path({str(tmp_path)!r})\n"
        "states = [weights.find(spec, cache).status for spec in registry.MODELS.values()]\n"
        "heavy = {'torch', 'torchvision', 'facenet_pytorch', 'face_recognition_models', 'requests',\n"
        "         'requests', 'safetensors', 'onnxruntime', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(*states)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "absent absent absent present present\n", "")
