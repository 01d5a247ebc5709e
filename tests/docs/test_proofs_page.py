"""What the page on proofs shows is what the programs do."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from ledger_bridge.commands.verify import verify
from tests.bench.gateway import command
from tests.docs.test_pages import DOCS, blocks
from tests.unit.test_proof_commands import LOG, edited, hub, newest

__all__ = ["hub"]  # the fixture

PAGE = DOCS / "proofs.md"


def run(line: str) -> str:
    """A line of the page, with the key of this log."""
    words = shlex.split(line.replace("KEY", LOG))
    if words[0] == "cp":
        shutil.copy(words[1], words[2])
        return ""
    return command(*words[1:])


def test_the_commands_of_the_page_prove_check_rotate_and_begin_again(hub):
    made, checked, kept, since, audited, rotated, again, lost = blocks(PAGE, "bash")
    newest(hub)
    run(made)
    assert "in the log of straat" in run(checked)
    run(kept)
    edited(hub)
    first, second = since.splitlines()
    run(first)
    assert "the log only grew" in run(second)
    assert "verified: 2 records" in run(audited)
    assert "the log signs with" in run(rotated)
    assert "begins again as meterkast/straat/2" in run(again)
    assert "begins again as meterkast/straat/3" in run(lost)
    assert 0 == verify(key=LOG)


def test_the_program_of_the_page_finds_the_signed_root(hub):
    newest(hub)
    (program,) = blocks(PAGE, "python")
    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=Path.cwd(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "meterkast/straat: 5 entries lead to the signed root\n" == done.stdout
