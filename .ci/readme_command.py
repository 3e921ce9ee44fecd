"""Print one of the README's commands: the code block behind the comment <!-- command: NAME -->."""

import re
import sys
from pathlib import Path

readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
found = re.search(rf"<!-- command: {re.escape(sys.argv[1])} -->\n+```sh\n(.*?)```", readme, re.DOTALL)
if found is None:
    sys.exit(f"the README has no command named {sys.argv[1]}")
print(found.group(1), end="")
