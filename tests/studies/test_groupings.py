"""Who belongs to which group: folders, tables, patterns, and what is wrong with them."""

import pytest
from support.fakes import slug_of

from faceunlock.errors import AuditError, FaceUnlockError, PhotoError, SettingsError
from faceunlock.studies.groupings import read_grouping


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def table(folder, text, name="groups.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def found(grouping):
    return [(photo.path.name, photo.person, photo.group) for photo in grouping.photos]


def test_folders_are_groups_of_people(tmp_path):
    make(
        tmp_path, "north/ada/1.jpg", "north/ada/old/2.jpg", "north/3.jpg", "south/ada/4.jpg", "5.jpg", "n.txt"
    )
    grouping = read_grouping(tmp_path, "folders")
    people = {name: person for name, person, _ in found(grouping)}
    assert people["1.jpg"] == people["2.jpg"] != people["4.jpg"] and len(set(people.values())) == 3
    assert grouping.groups == ("north", "south") and grouping.people_known
    assert [path.name for path in grouping.ungrouped] == ["5.jpg"] and grouping.skipped == 1


def test_photos_right_in_a_group_are_people_of_their_own(tmp_path):
    grouping = read_grouping(make(tmp_path, "north/1.jpg", "north/2.jpg", "south/1.jpg"), "folders")
    assert len({person for _, person, _ in found(grouping)}) == 3 and not grouping.people_known


def test_a_pattern_finds_group_and_person(tmp_path):
    make(tmp_path, "18_1_0_x.jpg", "deep/20_1_1_y.jpg", "other.jpg", "notes.txt")
    grouping = read_grouping(tmp_path, r"pattern:^\d+_(?P<group>\d_\d)_")
    assert [(name, group) for name, _, group in found(grouping)] == [
        ("18_1_0_x.jpg", "1_0"),
        ("20_1_1_y.jpg", "1_1"),
    ]
    assert not grouping.people_known and grouping.skipped == 1
    assert [path.name for path in grouping.ungrouped] == ["other.jpg"]
    named = read_grouping(tmp_path, r"pattern:_(?P<group>\d_\d)_(?P<person>\w)")
    assert {person for _, person, _ in found(named)} == {"x", "y"} and named.people_known


@pytest.mark.parametrize("expression", ["(?P<group>", "no group", "(?P<grupo>x)"])
def test_a_wrong_pattern(tmp_path, expression):
    make(tmp_path, "a.jpg")
    assert slug_of(read_grouping, tmp_path, f"pattern:{expression}", kind=SettingsError) == "usage"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table(tmp_path, delimiter):
    photos = make(tmp_path / "photos", "a.jpg", "deep/b c.jpg", "left.jpg")
    make(tmp_path, "beside.jpg")
    rows = [("Photo ", "person", "GROUP", "note")]
    rows += [
        ("a.jpg", "Ada", "two", ""),
        ("deep/b c.jpg", "ADA", "two", "x"),
        ("beside.jpg", "Bob", "one", ""),
    ]
    file = table(tmp_path, "\ufeff" + "".join(f"{delimiter.join(row)}\r\n" for row in rows) + "\n")
    grouping = read_grouping(photos, file)
    assert [(name, group) for name, _, group in found(grouping)] == [
        ("beside.jpg", "one"),
        ("a.jpg", "two"),
        ("b c.jpg", "two"),
    ]
    assert len({person for _, person, _ in found(grouping)}) == 2 and grouping.people_known
    assert [path.name for path in grouping.ungrouped] == ["left.jpg"]


def test_a_table_without_people(tmp_path):
    make(tmp_path, "a.jpg", "b.jpg")
    grouping = read_grouping(
        tmp_path, table(tmp_path, 'group,photo\n"one, or two",a.jpg\n"one, or two",b.jpg\n')
    )
    assert grouping.groups == ("one, or two",) and not grouping.people_known
    assert len({person for _, person, _ in found(grouping)}) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: needs one column photo, has nothing"),
        ("photo,person\na.jpg,ada\n", "line 1: needs one column group, has photo, person"),
        ("photo,group,group\n", "line 1: needs one column group"),
        ("photo,group\na.jpg,one\nmissing.jpg,two\n", "line 3: there is no photo missing.jpg"),
        ("photo,group\n\na.jpg,one\n./a.jpg,two\n", "line 4: ./a.jpg is already named in line 3"),
        ("photo,group\na.jpg,\n", "line 2: the group is empty"),
        ("photo,person,group\na.jpg, ,one\n", "line 2: the person is empty"),
        ("photo,group\n,one\n", "line 2: the photo is empty"),
        ("photo,group\na.jpg\n", "line 2: 1 cells, but the first line has 2 columns"),
        ('photo,group\n"a.jpg,one\n', "line 2: "),
        ("photo,group\nx,1\nx,1\nx,1\nx,1\nx,1\n", "line 4: there is no photo x; and 2 more"),
        (
            "photo,person,group\na.jpg,ada,one\nb.jpg,Ada,two\n",
            "ada is in two groups: one (a.jpg) and two (b.jpg)",
        ),
        ("photo,group\n", "has no photo in any group"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path, text, said):
    make(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(AuditError) as caught:
        read_grouping(tmp_path, table(tmp_path, text))
    assert caught.value.slug == "bad-grouping" and said in caught.value.message


def test_a_table_that_cannot_be_read(tmp_path):
    make(tmp_path, "a.jpg")
    (tmp_path / "latin.csv").write_bytes(b"photo,group\n\xe4.jpg,one\n")
    for by in (tmp_path / "latin.csv", tmp_path, tmp_path / "none.csv", "nonsense", "a\0b"):
        assert slug_of(read_grouping, tmp_path, str(by), kind=SettingsError) == "file-unreadable"


@pytest.mark.parametrize("by", ["folders", "pattern:(?P<group>x)"])
def test_folders_without_what_is_needed(tmp_path, by):
    assert slug_of(read_grouping, tmp_path, by, kind=AuditError) == "bad-grouping"
    with pytest.raises(AuditError, match="none of its 1 photo has a group"):
        read_grouping(make(tmp_path, "a.jpg"), by)
    with pytest.raises(AuditError) as caught:
        read_grouping(tmp_path, by)
    assert ("folder per group" in caught.value.hint) == (by == "folders")
    assert slug_of(read_grouping, tmp_path / "none", by, kind=PhotoError) == "photo-not-found"
    assert slug_of(read_grouping, tmp_path / "a.jpg", by, kind=FaceUnlockError) == "photo-not-found"


PLAIN = "photo;person;group\na,1.jpg;Ädä;one\nb.jpg;bob;two\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (PLAIN, "utf-8"),
        (PLAIN, "utf-8-sig"),
        (PLAIN, "utf-16"),
        (PLAIN.replace(";", "\t"), "utf-16"),
        ("sep=;\n" + PLAIN, "utf-8"),
        ('"sep=;"\r\n' + PLAIN.replace("\n", "\r\n"), "utf-8-sig"),
        ("SEP=;\r\n" + PLAIN.replace("\n", "\r\n"), "utf-16"),
        ("sep=|\n" + PLAIN.replace(";", "|"), "utf-8"),
        ("\n" + PLAIN, "utf-8"),
        ("\r\n;;\r\n" + PLAIN, "utf-16"),
        ("\nsep=;\n\n" + PLAIN, "utf-8"),
    ],
)
def test_a_table_as_a_spreadsheet_writes_it(tmp_path, text, encoding):
    make(tmp_path, "a,1.jpg", "b.jpg")
    (tmp_path / "groups.csv").write_bytes(text.encode(encoding))
    grouping = read_grouping(tmp_path, str(tmp_path / "groups.csv"))
    assert found(grouping) == [("a,1.jpg", "ädä", "one"), ("b.jpg", "bob", "two")]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    make(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(AuditError, match="line 4: there is no photo x"):
        read_grouping(tmp_path, table(tmp_path, "sep=;\n\nphoto;group\nx;one\n"))
    with pytest.raises(AuditError, match="line 3: needs one column photo, has a, group"):
        read_grouping(tmp_path, table(tmp_path, "sep=;\n\na;group\nx;one\n"))
