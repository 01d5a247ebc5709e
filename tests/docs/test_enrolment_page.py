"""The page about joining a community: what it shows works, with code and words typed between."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import load
from tests.docs.test_pages import DOCS, blocks
from tests.system.programs import Program, done, free_port, meterkast, running, until

pytestmark = pytest.mark.system

PAGE = DOCS / "enrolment.md"


@pytest.fixture
def village(tmp_path, monkeypatch) -> Path:
    """A hub and a house, as the page has them."""
    monkeypatch.chdir(tmp_path)
    done("hub", "init", "hub", "--community", "zonstraat", "--page", f"127.0.0.1:{free_port()}")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "gateway.toml").write_text(
        'gateway = "pi"\n[device.hall]\ndriver = "p1"\nport = "/dev/serial/by-id/usb-x"\n'
    )
    return tmp_path


def run(line: str, typed: str = "") -> str:
    """A line of the page, and what somebody types meanwhile; gives what it prints."""
    command, _, file = line.removeprefix("meterkast ").partition(" > ")
    told = meterkast(
        *(word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)), stdin=typed
    )
    assert 0 == told.returncode, told.stderr
    if file:
        Path(file).write_text(told.stdout)
    return told.stdout


def test_a_gateway_joins_by_file_and_is_revoked_as_on_the_page(village):
    invite, _, _, fit, by_file, revoke = blocks(PAGE, "bash")
    code = re.search(r"its code: +(\S+)", run(invite.strip()))[1]
    ask, admit, settle = by_file.splitlines()
    words = run(ask, code).strip()
    run(f'{admit.partition(" > ")[0]} --words "{words}" > answer')
    run(settle, code)
    config = load(village / "home" / "gateway.toml")
    assert ("zonstraat", "home-noor") == (config.community, config.gateway)
    for line in fit.splitlines():
        run(line)
    assert run(revoke.strip()).startswith("home-noor is revoked\n")


def test_a_gateway_joins_over_the_network_as_on_the_page(village):
    invite, ask, admit, *_ = blocks(PAGE, "bash")
    hub = village / "hub" / "bridge.toml"
    url = "http://" + re.search(r'page = "(.+)"', hub.read_text())[1]
    hub.write_text(hub.read_text() + f'enrol = "{url}"\n')
    code = re.search(r"its code: +(\S+)", run(invite.strip()))[1]
    ask = ask.strip().replace("https://hub.example.nl", url)
    bridge = Program("bridge", village, "bridge", "--config", hub)
    with running(bridge):
        asking = subprocess.Popen(
            [sys.executable, "-m", "gateway", *ask.split()[1:]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        asking.stdin.write(f"{code}\n")
        asking.stdin.close()
        words = asking.stdout.readline().strip()
        until("the hub has it", (village / "hub/enrolment/home-noor.request").exists)
        run(f'{admit.strip()} --words "{words}"')
        assert 0 == asking.wait(timeout=30)
        asking.stdout.close()
    assert "zonstraat" == load(village / "home" / "gateway.toml").community


REASONS = re.compile(r"^\| (.+?) \| .+ \|$", re.MULTILINE)


def test_every_trouble_on_the_page_is_one_that_the_programs_tell():
    root = DOCS.parent
    told = "".join(
        path.read_text()
        for path in (
            root / "gateway" / "joining.py",
            root / "gateway" / "contract" / "enrolment.py",
            root / "ledger_bridge" / "invitations.py",
            root / "ledger_bridge" / "books" / "registry" / "keys.py",
        )
    )
    reasons = [
        one.strip(" …") for one in REASONS.findall(PAGE.read_text("utf-8"))[1:] if "--" not in one
    ]
    assert 13 == len(reasons)
    assert [] == [one for one in reasons if one not in told]
