"""The page about captures: its commands run, and its example is a capture. A dongle is played."""

import io
import os
import re
import subprocess
import sys
import sysconfig

import pytest

from gateway.lines import httpport
from gateway.tools.captures import Piece, pieces
from tests.docs.test_pages import DOCS, blocks
from tests.system.programs import free_port, until

PAGE = DOCS / "captures.md"


def test_the_file_on_the_page_is_a_capture():
    (text,) = blocks(PAGE, "json")
    said = [Piece(2, b"", b"/?!\r\n"), Piece(412, b"/MKT5\r\n", b"")]
    assert said == list(pieces(io.BytesIO(text.encode()), "page"))


@pytest.mark.system
def test_a_capture_is_made_decoded_and_replayed(tmp_path):
    script = "\n".join(blocks(PAGE, "bash"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p)' EXIT\n{script}"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert 0 == done.returncode, done.stderr
    *decoded, replayed = done.stdout.splitlines()
    assert "messages, 0 faults" in decoded[-1]
    assert '"faults":0' in replayed


@pytest.mark.system
def test_the_dongle_of_the_configuration_page_gives_telegrams():
    text = (DOCS / "configuration.md").read_text("utf-8")
    (command,) = re.findall(r"`meterkast (sim p1 --http )127.0.0.1:7099`", text)
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *command.split(), f"127.0.0.1:{free_port()}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = process.stdout.readline().strip()
        until("a telegram has come", lambda: _telegram(url).startswith(b"/"))
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def _telegram(url):
    try:
        return httpport.ask(url)
    except httpport.Unanswered:  # not yet
        return b""
