from faceunlock.cli.answers import status as answers


def test_status_of_a_gallery_in_order(unlock, ada, home):
    unlock.enroll("Ada", ada)
    status = unlock.status()
    assert (status.people, status.problems, status.locations.data) == (("Ada",), (), home)
    assert status.model.model == "dlib" and status.model.weights.status == "present"


def test_status_of_an_empty_gallery_says_so_and_creates_nothing(unlock, home):
    status = unlock.status()
    assert (status.people, status.problems, status.protection.sealed) == ((), (), False)
    assert not home.exists()


def test_what_is_wrong_is_said_in_a_sentence(unlock, ada, home):
    unlock.enroll("Ada", ada)
    unlock.close()
    home.chmod(0o755)
    (home / "gallery.db").write_bytes(b"no gallery")
    first, last = unlock.status().problems  # each once
    assert f"Other users can read {home}" in first and "gallery.db" in last


def test_a_key_that_is_gone_is_one_problem(unlock, ada, home):
    unlock.enroll("Ada", ada)
    unlock.protect()
    unlock.close()
    for key in unlock.locations.keys.iterdir():
        key.unlink()
    (problem,) = unlock.status().problems
    assert f"faceunlock --home {home} people forget --all" in problem


def test_a_sealed_gallery_that_is_gone_is_a_problem(unlock, ada, home):
    unlock.enroll("Ada", ada)
    unlock.protect("file")
    unlock.close()
    (home / "gallery.db").unlink()
    state = unlock.status()
    (problem,) = state.problems
    (key,) = unlock.locations.keys.iterdir()
    assert f"{home / 'gallery.db'} is missing or empty, but {key} is the key" in problem
    assert (state.protection.sealed, state.protection.waiting) == (False, key)
    unlock.enroll("Ada", ada)  # which begins a new sealed one, as the problem says
    state = unlock.status()
    assert state.protection.sealed and state.protection.waiting is None
    assert not [problem for problem in state.problems if "missing or empty" in problem]


def test_the_terminal_names_some_of_many_people_and_the_document_all(unlock, ada):
    unlock.enroll("Ada", ada)
    few = answers.text(unlock.status())
    assert "people      1: Ada\n" in few
    with unlock.gallery.transaction():
        for number in range(30):
            unlock.gallery.add(f"Person {number:02}", unlock.person("Ada").template)
    state = unlock.status()
    (line,) = [one for one in answers.text(state).split("\n") if one.startswith("people")]
    assert line.startswith("people      31: Ada, Person 00, ") and line.endswith("Person 18, and 11 more")
    assert len(answers.document(state)["people"]) == 31
