import ast
from pathlib import Path

import pytest

import faceunlock
from faceunlock import errors
from faceunlock.errors import SLUGS, FaceUnlockError, PhotoError

PACKAGE = Path(faceunlock.__file__).parent


def test_an_error_takes_what_it_is_not_given_from_its_slug():
    error = PhotoError("no-face")
    assert str(error) == error.message == SLUGS["no-face"].meaning
    assert (error.hint, error.retryable) == (SLUGS["no-face"].hint, True)


def test_an_error_keeps_what_it_is_given():
    error = PhotoError("no-face", "a.jpg: nobody", hint="Look up.")
    assert (str(error), error.hint, error.slug) == ("a.jpg: nobody", "Look up.", "no-face")


def test_a_slug_that_is_not_documented_is_a_bug():
    with pytest.raises(KeyError):
        FaceUnlockError("no-such-slug")


@pytest.mark.parametrize("slug", SLUGS)
def test_every_slug_has_a_sentence_and_a_hint(slug):
    assert slug == slug.lower() and " " not in slug
    assert SLUGS[slug].meaning.endswith(".") and SLUGS[slug].hint


def test_all_errors_are_one_tree():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 5
    assert all(issubclass(kind, FaceUnlockError) for kind in kinds)


def test_every_slug_that_is_raised_is_documented_and_every_other_is_gone():
    raised = {
        node.value
        for path in PACKAGE.rglob("*.py")
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not set(SLUGS) - raised
    first_arguments = {
        node.args[0].value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id.endswith("Error")
        and hasattr(errors, node.func.id)
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert first_arguments and first_arguments <= set(SLUGS)
