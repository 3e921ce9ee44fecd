"""Photos of real people, of the local collection: two are never one, and one is one."""

import pytest

from faceunlock.errors import EnrolmentError
from faceunlock.unlock import FaceUnlock

PAIR = ("Nawawi", "Baiquni")
"""The two of the ten phone users whom `compact` finds the most similar."""


@pytest.fixture
def folder(collection):
    return collection / "phone10" / "enroll"


@pytest.fixture
def compact(tmp_path):
    with FaceUnlock(tmp_path / "home", model="compact") as unlock:
        yield unlock


def test_the_two_most_similar_people_are_refused_together_and_enrolled_apart(compact, folder):
    with pytest.raises(EnrolmentError) as caught:
        compact.enroll("both", [folder / name for name in PAIR])
    assert caught.value.slug == "several-people"
    owners = [{photo.rsplit("/", 2)[1] for photo in group} for group in caught.value.groups]
    assert sorted(map(sorted, owners)) == sorted([name] for name in PAIR)
    for name in PAIR:
        assert compact.enroll(name, folder / name).saved


def test_the_folder_above_several_people_is_not_a_person(compact, folder):
    with pytest.raises(EnrolmentError) as caught:
        compact.enroll("everyone", folder)
    assert caught.value.slug == "sub-folders" and compact.people() == ()
