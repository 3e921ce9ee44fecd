"""Do we find the same faces as facenet-pytorch's MTCNN, and do both runtimes give the same embeddings?

Run: python benchmarks/parity.py [--photos 0]   (0: all)

Detection: our cascade in ONNX Runtime against facenet-pytorch's own MTCNN, on every photo of LFW (7,701) at
full size and every photo of phone10 shrunk to 1,280 pixels, at equal resolution and equal smallest face (20
pixels). Two faces are the same if their boxes overlap with an IoU of at least 0.6. Every disagreement is
listed.
Selfie mode: whether the first, reduced look chooses the same subject as the search at full size.
Embeddings: faces of phone10 and LFW through PyTorch and ONNX Runtime, with `dlib` and with an
InceptionResnetV1 with random weights.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
from common import WORK, collection, read_photo, save
from lfw import read_pairs
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.photos.face import choose_subject
from faceunlock.photos.photo import find_photos
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.network import NetworkSource
from faceunlock.settings import locate

LONGER_SIDE = 1280
SAME = 0.6
WORKERS = 2


@cache
def detectors():
    """Return our detector at full resolution, our detector as in `verify`, and the reference; cached."""
    import facenet_pytorch
    import torch

    from faceunlock.pipeline.detection import load_detector
    from faceunlock.pipeline.detection.mtcnn import MTCNN

    torch.set_num_threads(1)
    engine = Engine("onnx", "cpu", locate().cache, workers=2)
    selfie = load_detector(engine)
    selfie.detect(np.zeros((64, 64, 3), dtype=np.uint8))  # converts the networks now, not beside PyTorch
    networks = (selfie._proposal, selfie._refinement, selfie._output)
    return MTCNN(*networks, looks=(100_000,)), selfie, facenet_pytorch.MTCNN(keep_all=True)


def compare(path: Path) -> dict:
    """Search one photo with all three detectors and return what differs."""
    ours, selfie, reference = detectors()
    image = read_photo(path).image
    if max(image.shape[:2]) > LONGER_SIDE:
        small = Image.fromarray(image)
        small.thumbnail((LONGER_SIDE, LONGER_SIDE))
        image = np.asarray(small)
    boxes, _ = reference.detect(image)
    theirs = [] if boxes is None else np.array([list(box) for box in boxes], dtype=float)
    # The private search skips the last look, which the reference does not have.
    faces = ours._search(image, image.shape, 20)
    mine = np.array([face.box for face in faces]).reshape(-1, 4)
    missed = [box for box in theirs if not len(mine) or iou(box, mine).max() < SAME]
    extra = [box for box in mine if not len(theirs) or iou(box, np.array(theirs)).max() < SAME]
    quick = selfie.detect(image)
    return {
        "photo": f"{path.parent.name}/{path.name}",
        "theirs": len(theirs),
        "ours": len(mine),
        "missed": len(missed),
        "extra": len(extra),
        "same_subject": same_subject(faces or ours.detect(image), quick, image.shape),
    }


def same_subject(full, quick, shape) -> bool:
    """Return whether both searches lead `verify` to the same face or the same refusal."""
    answers = []
    for faces in (full, quick):
        try:
            answers.append(choose_subject(faces, shape))
        except PhotoError as error:
            answers.append(error.slug)
    if isinstance(answers[0], str) or isinstance(answers[1], str):
        return answers[0] == answers[1]
    return bool(iou(np.array(answers[0].box), np.array([answers[1].box]))[0] >= SAME)


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over union of one box with each of `boxes`, 0 to 1."""
    start, end = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(end - start, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / (np.prod(box[2:] - box[:2]) + areas - shared)


def embeddings(paths: list[Path]) -> dict:
    """Return the lowest cosine between the runtimes over the faces of some photos."""
    import torch
    from facenet_pytorch import InceptionResnetV1

    from faceunlock.pipeline.embedding import Embedder, load_embedder
    from faceunlock.pipeline.embedding.facenet import FaceNetEmbedder
    from faceunlock.pipeline.embedding.networks import definition, network_layers
    from faceunlock.pipeline.models.registry import model_spec

    engines = [Engine(runtime, "cpu", locate().cache) for runtime in ("onnx", "torch")]
    ours, _, _ = detectors()
    faces = [
        (image, found[0])
        for image in (read_photo(path).image for path in paths)
        if (found := ours.detect(image))
    ]

    def embeddings_of(embedder: Embedder) -> np.ndarray:
        return embedder.embed(np.stack([embedder.crop(image, face) for image, face in faces])).astype(float)

    def through_dlib(engine: Engine) -> np.ndarray:
        return embeddings_of(load_embedder("dlib", cache=locate().cache, engine=engine))

    torch.manual_seed(0)
    arrays = {name: value.numpy() for name, value in InceptionResnetV1(pretrained=None).state_dict().items()}
    recipe = NetworkSource(
        "parity-facenet",
        lambda: "0" * 64,
        definition(None),
        lambda: network_layers(None, arrays),
        (2, 3, 160, 160),
        {0: "n"},
    )

    def through_facenet(engine: Engine) -> np.ndarray:
        network = Engine(engine.runtime, "cpu", WORK).network(recipe)
        return embeddings_of(FaceNetEmbedder(model_spec("casia-webface"), network, "0" * 64))

    return {
        "crops": len(faces),
        **{
            f"{name}_lowest_cosine": float(
                np.einsum("ij,ij->i", *(through(engine) for engine in engines)).min()
            )
            for name, through in (("dlib", through_dlib), ("inception_resnet", through_facenet))
        },
    }


def main() -> None:
    """Compare, print, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=0, help="LFW photos to compare, evenly spread; 0: all")
    arguments = parser.parse_args()
    photos = collection()
    _, pairs = read_pairs(photos / "lfw-pairs.txt")
    lfw = [photos / "lfw" / file for file in sorted({file for pair in pairs for file in pair[:2]})]
    if arguments.photos:
        lfw = lfw[:: max(1, len(lfw) // arguments.photos)]
    phone = list(find_photos([photos / "phone10"]).photos)
    result = {}
    with ProcessPoolExecutor(WORKERS) as pool:
        for name, paths in (("phone10", phone), ("lfw", lfw)):
            rows = list(pool.map(compare, paths, chunksize=16))
            result[name] = summary(rows)
            print(name, {key: value for key, value in result[name].items() if key != "disagreements"})
    result["embeddings"] = embeddings([*phone, *lfw[:: max(1, len(lfw) // 200)]])
    print(result["embeddings"])
    save("parity", result)


def summary(rows: list[dict]) -> dict:
    """Return the totals of the comparisons of one collection."""
    theirs = sum(row["theirs"] for row in rows)
    missed = sum(row["missed"] for row in rows)
    return {
        "photos": len(rows),
        "faces_of_the_reference": theirs,
        "found_by_ours": theirs - missed,
        "share": (theirs - missed) / theirs,
        "found_by_ours_only": sum(row["extra"] for row in rows),
        "same_subject_in_selfie_mode": sum(row["same_subject"] for row in rows),
        "disagreements": [row for row in rows if row["missed"] or row["extra"] or not row["same_subject"]],
    }


if __name__ == "__main__":
    main()
