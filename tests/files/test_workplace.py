"""Temporary work in a directory of ours: nothing stays of it, whatever ends the process."""

import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faceunlock.files.workplace import remove_abandoned, workplace


def test_the_folder_is_private_and_gone_afterwards(tmp_path):
    with workplace(tmp_path / "cache") as folder:
        (folder / "half").write_bytes(b"half")
        assert folder.parent == tmp_path / "cache" and folder.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_litter_of_a_killed_process_is_cleaned_and_work_in_progress_is_not(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom faceunlock.files.workplace import workplace\n"
        "with workplace(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').touch()\n    print(folder, flush=True)\n    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        folder = Path(process.stdout.readline().strip())
        assert remove_abandoned(tmp_path) == 0 and folder.is_dir()
        with workplace(tmp_path):
            assert folder.is_dir()
        process.send_signal(signal.SIGKILL)
    with workplace(tmp_path) as mine:
        assert list(tmp_path.iterdir()) == [mine]


def test_a_folder_that_is_cleaned_away_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    make, made = tempfile.mkdtemp, []

    def cleaned_away_at_first(**options):
        made.append(make(**options))
        if len(made) == 1:
            assert remove_abandoned(tmp_path) == 1
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", cleaned_away_at_first)
    with workplace(tmp_path) as folder:
        assert folder == Path(made[1]) and list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_keep_their_folders(tmp_path):
    def work(_):
        with workplace(tmp_path) as folder:
            (folder / "half").write_bytes(b"half")
            return (folder / "half").read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(400))) == {b"half"}
    assert list(tmp_path.iterdir()) == []
