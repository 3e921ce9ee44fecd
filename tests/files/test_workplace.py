"""Temporary work in a directory of ours: nothing stays of it, whatever ends the process."""

import signal
import subprocess
import sys
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
