"""`make soak` for twenty seconds: no request is lost while providers flap and tables change."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.proxy


def test_twenty_seconds_of_it(root: Path, record_property: Any) -> None:
    command = [sys.executable, str(root / "bench" / "soak.py"), "0.34", "--rate", "10"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, check=False)
    record_property("report", f"soak, twenty seconds\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(
        r"^ +all +\d+ +(\d+) +(\d+) +(\d+) +0 +\d+$",  # sent, answered, excused, lost, tables
        done.stdout,
        re.MULTILINE,
    )
    assert counts, done.stdout
    sent, answered, excused = (int(number) for number in counts.groups())
    assert sent == answered + excused == 204
    assert excused < sent / 20, "one provider of each strategy was healthy all the time"
    outages, written, seen = re.search(
        r"^(\d+) outages; (\d+) tables written, (\d+) seen", done.stdout, re.MULTILINE
    ).groups()  # type: ignore[union-attr]
    assert int(outages) >= 2
    assert int(written) >= 3
    assert int(seen) >= 2, "a table that was written came into force"
