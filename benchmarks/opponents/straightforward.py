"""Face verification as the README of facenet-pytorch shows it: MTCNN on the whole photo, InceptionResnetV1.

Run: python benchmarks/opponents/straightforward.py verify PHOTO STORED
     python benchmarks/opponents/straightforward.py enroll FOLDER
     python benchmarks/opponents/straightforward.py calibrate FOLDER

``STORED`` is a vector written by `torch.save`. A ``FOLDER`` has one sub-folder per person. The weights are
random. A run with the published weights also reads 112 MB, so these times are the best case for this script.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from facenet_pytorch import MTCNN, InceptionResnetV1
from PIL import Image, ImageOps

mtcnn = MTCNN(image_size=160, margin=18)
resnet = InceptionResnetV1(pretrained=None).eval()


def embedding(photo: Path) -> torch.Tensor | None:
    """Return the embedding of the most likely face, shape (512,), or None without a face."""
    crop = mtcnn(ImageOps.exif_transpose(Image.open(photo)).convert("RGB"))
    if crop is None:
        return None
    with torch.no_grad():
        return resnet(crop.unsqueeze(0))[0]


def by_person(folder: Path) -> dict[str, torch.Tensor]:
    """Return the embeddings of each person's photos, shape (n, 512)."""
    people = {}
    for person in sorted(folder.iterdir()):
        found = [embedding(photo) for photo in sorted(person.iterdir())]
        people[person.name] = torch.stack([vector for vector in found if vector is not None])
    return people


def main() -> None:
    """Do one job and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=("verify", "enroll", "calibrate"))
    parser.add_argument("path", type=Path)
    parser.add_argument("stored", type=Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.job == "verify":
        vector = embedding(arguments.path)
        if vector is None:
            raise SystemExit(f"{arguments.path}: no face")
        print(torch.cosine_similarity(vector, torch.load(arguments.stored), dim=0).item())
    elif arguments.job == "enroll":
        for name, vectors in by_person(arguments.path).items():
            print(name, len(vectors), vectors.mean(dim=0).norm().item())
    else:
        vectors = torch.cat(list(by_person(arguments.path).values()))
        similarities = vectors @ vectors.T
        print(len(vectors), similarities.quantile(0.99).item() if len(vectors) < 4000 else "")


if __name__ == "__main__":
    main()
