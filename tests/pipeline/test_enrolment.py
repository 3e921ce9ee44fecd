import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import IDENTITY, embedding

from faceunlock.errors import EnrolmentError
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import photo_hash
from faceunlock.photos.face import Quality
from faceunlock.pipeline.enrolment import (
    Gates,
    SeveralPeopleError,
    TooFewPhotosError,
    TooManyUnlikeError,
    _without_unlike,
    enroll,
)
from faceunlock.pipeline.samples import LeftOut, Sample

GATES = Gates(min_sharpness=5.0, min_brightness=30.0, min_similarity=0.8, min_photos=3)
GOOD = Quality(80.0, 20.0, 120.0)


def sample(person=0, variation=0, *, quality=GOOD, name=None, content=None):
    photo = name or f"{person}-{variation}.jpg"
    digest = hashlib.sha256((content or photo).encode()).digest()
    return Sample(photo, digest, quality, embedding(person, variation))


def of(person, count, first=0):
    return [sample(person, variation) for variation in range(first, first + count)]


def reasons(enrolment):
    return [(photo.photo, photo.reason) for photo in enrolment.left_out]


def test_a_template_is_the_sum_of_its_photos():
    samples = of(0, 5)
    enrolment = enroll(samples, IDENTITY, GATES)
    template = enrolment.template
    vectors = np.stack([one.embedding for one in samples]).astype(float)
    assert np.allclose(template.vector_sum, vectors.sum(axis=0))
    assert template.vector_sum.dtype == np.float32
    assert (template.count, template.identity) == (5, IDENTITY)
    assert enrolment.used == tuple(one.photo for one in samples) and enrolment.left_out == ()
    by_hand = [vectors[i] @ unit(np.delete(vectors, i, axis=0).sum(axis=0)) for i in range(5)]
    assert enrolment.mean_similarity == template.mean_similarity == pytest.approx(np.mean(by_hand))
    assert enrolment.lowest_similarity == template.lowest_similarity == pytest.approx(min(by_hand))


def test_a_template_remembers_its_photos_under_a_key_of_its_own():
    samples = of(0, 4)
    one, two = (enroll(samples, IDENTITY, GATES).template for _ in range(2))
    assert len(one.photo_key) == 32 and one.photo_key != two.photo_key
    assert one.photo_hashes.isdisjoint(two.photo_hashes)
    assert one.photo_hashes == {photo_hash(one.photo_key, photo.digest) for photo in samples}
    assert photo_hash(one.photo_key, sample(9).digest) not in one.photo_hashes


def test_the_hash_of_a_photo_is_an_hmac():
    # RFC 4231, test case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert photo_hash(b"Jefe", b"what do ya want for nothing?") == expected


@pytest.mark.parametrize(
    ("quality", "reason", "number"),
    [
        (Quality(80.0, 4.99, 120.0), "too-blurred", "4.99"),
        (Quality(80.0, 20.0, 29.5), "too-dark", "29.5"),
        (Quality(80.0, 1.0, 10.0), "too-dark", "10.0"),
    ],
)
def test_a_poor_photo_is_left_out_with_its_number(quality, reason, number):
    enrolment = enroll([*of(0, 3), sample(0, 3, quality=quality)], IDENTITY, GATES)
    assert reasons(enrolment) == [("0-3.jpg", reason)]
    assert number in enrolment.left_out[0].detail
    assert enrolment.template.count == 3


def test_a_photo_at_the_limits_is_good_enough():
    enrolment = enroll([*of(0, 3), sample(0, 3, quality=Quality(80.0, 5.0, 30.0))], IDENTITY, GATES)
    assert enrolment.template.count == 4


def test_the_same_content_counts_once():
    copy = sample(0, 1, name="copy.jpg", content="0-1.jpg")
    enrolment = enroll([*of(0, 3), copy], IDENTITY, GATES)
    assert enrolment.left_out == (LeftOut("copy.jpg", "duplicate", "same file as 0-1.jpg"),)
    assert enrolment.template.count == 3 == len(enrolment.template.photo_hashes)


def test_a_stranger_among_the_photos_is_left_out():
    enrolment = enroll([*of(0, 2), sample(7), *of(0, 2, first=2)], IDENTITY, GATES)
    assert reasons(enrolment) == [("7-0.jpg", "unlike-the-others")]
    assert "at least 0.8000" in enrolment.left_out[0].detail
    # The stranger's part in the others' centroid must not cost the others anything.
    assert enrolment.mean_similarity == enroll(of(0, 4), IDENTITY, GATES).mean_similarity


def test_several_strangers_are_left_out_though_they_spoil_the_centroid():
    strangers = [sample(7), sample(8), sample(9)]
    own = of(0, 6)
    enrolment = enroll([*strangers, *own], IDENTITY, GATES)
    assert enrolment.used == tuple(photo.photo for photo in own)
    assert {photo for photo, _ in reasons(enrolment)} == {"7-0.jpg", "8-0.jpg", "9-0.jpg"}


@given(st.permutations(range(7)))
def test_the_order_of_the_photos_does_not_decide_who_stays(order):
    samples = [*of(0, 4), sample(7), sample(8), sample(0, 4, quality=Quality(80, 1, 120))]
    enrolment = enroll([samples[i] for i in order], IDENTITY, GATES)
    assert set(enrolment.used) == {photo.photo for photo in of(0, 4)}
    assert len(enrolment.used) + len(enrolment.left_out) == len(samples)


def test_too_few_photos_name_every_photo_left_out():
    failure = LeftOut("flower.jpg", "no-face", "no face was found")
    with pytest.raises(TooFewPhotosError, match="2 usable, but at least 3 photos") as caught:
        enroll([*of(0, 2), sample(7)], IDENTITY, GATES, failures=[failure])
    assert caught.value.slug == "too-few-photos"
    assert [photo.reason for photo in caught.value.left_out] == ["no-face", "unlike-the-others"]


def test_nothing_is_too_few():
    with pytest.raises(TooFewPhotosError, match="0 usable"):
        enroll([], IDENTITY, GATES)


def test_one_photo_has_no_others_to_be_like():
    with pytest.raises(TooFewPhotosError, match="1 usable, but at least 2"):
        enroll(of(0, 1), IDENTITY, replace(GATES, min_photos=1))


@given(st.integers(2, 8), st.integers(2, 8))
def test_min_photos_is_the_fewest_that_do(count, needed):
    gates = replace(GATES, min_photos=needed)
    if count >= needed:
        assert enroll(of(0, count), IDENTITY, gates).template.count == count
    else:
        with pytest.raises(TooFewPhotosError):
            enroll(of(0, count), IDENTITY, gates)


@pytest.fixture
def known():
    return enroll(of(0, 4), IDENTITY, GATES).template


def test_adding_keeps_sum_count_key_and_hashes(known):
    new = of(0, 2, first=10)
    grown = enroll(new, IDENTITY, GATES, known=known).template
    at_once = enroll([*of(0, 4), *new], IDENTITY, GATES).template
    assert np.allclose(grown.vector_sum, at_once.vector_sum)
    assert grown.count == 6 and grown.photo_key == known.photo_key
    assert len(grown.photo_hashes) == 6 and grown.photo_hashes > known.photo_hashes


def test_adding_one_photo_is_enough(known):
    enrolment = enroll(of(0, 1, first=10), IDENTITY, GATES, known=known)
    similarity = float(embedding(0, 10).astype(float) @ known.centroid)
    assert enrolment.template.count == 5
    assert enrolment.mean_similarity == pytest.approx(similarity)
    # The mean is over all photos, with the old ones as they were.
    assert enrolment.template.mean_similarity == pytest.approx((4 * known.mean_similarity + similarity) / 5)
    assert enrolment.template.lowest_similarity == pytest.approx(min(known.lowest_similarity, similarity))


def test_adding_what_is_in_the_template_adds_nothing(known):
    with pytest.raises(TooFewPhotosError, match="0 usable, but at least 1 photo needed") as caught:
        enroll(of(0, 4), IDENTITY, GATES, known=known)
    assert {(photo.reason, photo.detail) for photo in caught.value.left_out} == {
        ("duplicate", "already part of the template")
    }


def test_adding_compares_with_the_enrolled_template(known):
    # Three alike strangers would pass if they were compared with each other only.
    with pytest.raises(TooManyUnlikeError) as caught:
        enroll([*of(7, 3), *of(0, 1, first=10)], IDENTITY, GATES, known=known)
    assert {photo.photo for photo in caught.value.left_out} == {"7-0.jpg", "7-1.jpg", "7-2.jpg"}
    assert [photo.reason for photo in caught.value.left_out] == ["unlike-the-others"] * 3
    assert all("to the enrolled template" in photo.detail for photo in caught.value.left_out)
    alone = enroll([sample(7), *of(0, 2, first=10)], IDENTITY, GATES, known=known)
    assert alone.used == ("0-10.jpg", "0-11.jpg")


def test_many_strangers_cannot_outvote_the_template(known):
    with pytest.raises(TooFewPhotosError):
        enroll(of(7, 50), IDENTITY, GATES, known=known)


def test_adding_to_a_template_of_another_model_is_refused(known):
    other = replace(IDENTITY, weights_sha256="e" * 64)
    with pytest.raises(EnrolmentError) as caught:
        enroll(of(0, 3), other, GATES, known=known)
    assert caught.value.slug == "model-mismatch"


def test_failures_are_reported_first():
    failure = LeftOut("flower.jpg", "no-face", "no face was found")
    enrolment = enroll([*of(0, 3), sample(7)], IDENTITY, GATES, failures=[failure])
    assert reasons(enrolment) == [("flower.jpg", "no-face"), ("7-0.jpg", "unlike-the-others")]


def test_copies_of_one_picture_are_one_look():
    def near(*angles):
        return [
            replace(sample(0, i), embedding=np.array([np.cos(a), np.sin(a)], dtype=np.float32))
            for i, a in enumerate(angles)
        ]

    assert enroll(near(0.0, 0.1, 0.05), IDENTITY, GATES).one_look
    assert not enroll(near(0.0, 0.1, 0.05, 0.2), IDENTITY, GATES).one_look
    known = enroll(near(0.0, 0.1, 0.05), IDENTITY, GATES).template
    one_more = [replace(sample(0, 9), embedding=np.array([1.0, 0.0], dtype=np.float32))]
    assert not enroll(one_more, IDENTITY, GATES, known=known).one_look, "one photo is no copy of itself"


@pytest.mark.parametrize("counts", [(5, 5), (6, 2), (4, 3, 2), (3,) * 10])
@pytest.mark.parametrize("pair_similarity", [None, 0.75])
def test_photos_of_several_people_are_refused_and_each_photo_has_its_person(counts, pair_similarity):
    samples = [photo for person, count in enumerate(counts) for photo in of(person, count)]
    with pytest.raises(SeveralPeopleError) as caught:
        enroll(samples, IDENTITY, replace(GATES, pair_similarity=pair_similarity))
    expected = {frozenset(photo.photo for photo in of(person, n)) for person, n in enumerate(counts)}
    assert {frozenset(group) for group in caught.value.groups} == expected
    assert caught.value.slug == "several-people"
    assert all(group[0] in caught.value.message for group in caught.value.groups)


@pytest.mark.parametrize("pair_similarity", [None, 0.7])
def test_a_single_photo_of_a_third_person_is_in_no_group(pair_similarity):
    third = sample(3, 0)
    # Nearer to the first person than the two people are to each other, so it joins them in the tree.
    third = replace(third, embedding=unit(third.embedding + 0.6 * embedding(1, 0)).astype(np.float32))
    gates = replace(GATES, pair_similarity=pair_similarity)
    with pytest.raises(SeveralPeopleError) as caught:
        enroll([*of(1, 5), third, *of(2, 4)], IDENTITY, gates)
    assert sorted(map(len, caught.value.groups)) == [4, 5]
    assert [(photo.photo, photo.reason) for photo in caught.value.left_out] == [
        (third.photo, "unlike-the-others")
    ]


def test_several_people_are_refused_though_all_would_be_near_their_centroid():
    # The gate alone takes them: two people as close as two of ten phone users with `compact`.
    rng = np.random.default_rng(3)
    both, apart, noise = (unit(rng.normal(size=(n, 64))) for n in (1, 2, 14))
    vectors = unit(both + 0.35 * np.repeat(apart, 7, axis=0) + 0.15 * noise)
    samples = [replace(sample(0, i), embedding=vector) for i, vector in enumerate(vectors)]
    gates = replace(GATES, min_similarity=0.9, pair_similarity=0.9)
    assert _without_unlike(samples, gates.min_similarity, None)[1] == []
    with pytest.raises(SeveralPeopleError) as caught:
        enroll(samples, IDENTITY, gates)
    assert [len(group) for group in caught.value.groups] == [7, 7]


def test_several_people_are_refused_also_where_photos_are_added(known):
    with pytest.raises(SeveralPeopleError):
        enroll([*of(0, 3, first=10), *of(7, 3)], IDENTITY, GATES, known=known)


def test_more_than_a_third_unlike_the_others_is_refused():
    strangers = [sample(person) for person in (7, 8, 9)]
    assert enroll([*of(0, 6), *strangers], IDENTITY, GATES).template.count == 6  # exactly a third
    with pytest.raises(TooManyUnlikeError, match="3 of 8 usable photos") as caught:
        enroll([*of(0, 5), *strangers], IDENTITY, GATES)
    assert caught.value.slug == "too-many-unlike"
    assert {photo.photo for photo in caught.value.left_out} == {"7-0.jpg", "8-0.jpg", "9-0.jpg"}


def test_a_poor_photo_is_not_usable_and_counts_for_nobody():
    blurred = [sample(0, number, quality=Quality(80, 1, 120)) for number in range(6, 16)]
    with pytest.raises(TooManyUnlikeError, match="3 of 8"):
        enroll([*of(0, 5), *blurred, sample(7), sample(8), sample(9)], IDENTITY, GATES)


def test_a_photo_that_would_match_another_photo_is_left_out_but_is_no_other_person():
    odd = [replace(sample(0, number), embedding=embedding(0, number, 0.8)) for number in (20, 21, 22)]
    gates = replace(GATES, min_similarity=0.93)
    with pytest.raises(TooManyUnlikeError):
        enroll([*of(0, 4), *odd], IDENTITY, gates)
    enrolment = enroll([*of(0, 4), *odd], IDENTITY, replace(gates, pair_similarity=0.6))
    assert [photo.reason for photo in enrolment.left_out] == ["unlike-the-others"] * 3
