from support.fakes import slug_of


def test_people_can_be_renamed_and_forgotten(unlock, ada, bob):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    assert unlock.rename("ada", "Eve").name == "Eve"
    unlock.forget("bob")
    assert [person.name for person in unlock.people()] == ["Eve"]
    assert unlock.forget_all() == 1 and unlock.people() == ()


def test_a_new_name_takes_failures_and_log_along(unlock, ada, bob):
    unlock.enroll("Ada", ada)
    unlock.verify(bob / "0.png", "Ada")
    unlock.rename("Ada", "Eve")
    assert [entry.person for entry in unlock.attempts_log()] == ["Eve"]
    assert unlock.unlock_attempts("Eve") == 1 and unlock.unlock_attempts() == 0


def test_who_is_not_enrolled_cannot_be_changed(unlock, home):
    for call in (
        unlock.forget,
        unlock.unlock_attempts,
        unlock.person,
        lambda name: unlock.rename(name, "Eve"),
    ):
        assert slug_of(call, "Nobody") == "not-enrolled"
    assert not home.exists()
