import numpy as np
import pytest
import torch

from faceunlock.errors import ModelError
from faceunlock.pipeline.runtime.torch_runtime import BATCH, TorchNetwork, build, resolve_device


class Recorder(torch.nn.Module):
    """Mean of each channel; remembers how it was called."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.dropout = torch.nn.Dropout(0.9)

    def forward(self, x):
        self.calls.append((len(x), torch.is_inference_mode_enabled()))
        return self.dropout(x.mean(dim=(2, 3)))


def small():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.BatchNorm2d(2), torch.nn.Flatten())


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 2 * BATCH + 5])
def test_splits_into_batches_and_keeps_the_order(count):
    recorder = Recorder()
    batch = np.random.default_rng(0).random((count, 3, 4, 5), dtype=np.float32)
    result = TorchNetwork(recorder, "cpu")(batch)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, batch.mean(axis=(2, 3)), atol=1e-6)
    assert sum(size for size, _ in recorder.calls) == count
    assert all(size <= BATCH and inference for size, inference in recorder.calls)


def test_accepts_read_only_and_strided_arrays():
    batch = np.random.default_rng(0).random((2, 4, 5, 3), dtype=np.float32).transpose(0, 3, 1, 2)
    batch.flags.writeable = False
    np.testing.assert_allclose(TorchNetwork(Recorder(), "cpu")(batch), batch.mean(axis=(2, 3)), atol=1e-6)


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("cpu") == resolve_device("auto") == "cpu"
    with pytest.raises(ModelError) as missing:
        resolve_device("cuda")
    with pytest.raises(ModelError) as unknown:
        resolve_device("tpu")
    assert missing.value.slug == unknown.value.slug == "device-unavailable"
    assert "tpu" in str(unknown.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"


def test_gpu_out_of_memory_is_a_sentence():
    class Hungry(torch.nn.Module):
        def forward(self, x):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="memory") as caught:
        TorchNetwork(Hungry(), "cpu")(np.zeros((1, 3, 2, 2), dtype=np.float32))
    assert "--device cpu" in caught.value.hint


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_agrees_with_the_processor():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 7), torch.nn.Conv2d(64, 64, 7), torch.nn.Flatten())
    batch = np.random.default_rng(0).random((4, 3, 32, 32), dtype=np.float32)
    on_processor = TorchNetwork(module, "cpu")(batch)
    np.testing.assert_allclose(TorchNetwork(module, "cuda")(batch), on_processor, atol=1e-5)


def test_build_fills_a_module():
    reference = small().eval()
    state = {
        name: tensor.numpy()
        for name, tensor in reference.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    for array in state.values():
        array.flags.writeable = False
    batch = torch.rand(3, 3, 4, 4)
    built = build(small, state)
    assert not built.training
    torch.testing.assert_close(built(batch), reference(batch))


@pytest.mark.parametrize("damage", ["missing", "extra", "shape"])
def test_build_refuses_other_weights(damage):
    state = {name: tensor.numpy() for name, tensor in small().state_dict().items()}
    if damage == "missing":
        del state["0.bias"]
    elif damage == "extra":
        state["2.bias"] = state["0.bias"]
    else:
        state["0.bias"] = np.zeros(3, dtype=np.float32)
    with pytest.raises(ModelError) as caught:
        build(small, state)
    assert caught.value.slug == "weights-corrupt"
