"""What the page on the link to the hub shows is what the programs do."""

import shlex

from gateway.community import commands
from gateway.contract.keys import SigningKey
from tests.bench.gateway import command
from tests.docs.test_pages import DOCS, blocks
from tests.unit.test_gateway_ownkey import Home

PAGE = DOCS / "hub-link.md"


def test_the_command_of_the_page_puts_another_key_in_place(tmp_path, monkeypatch):
    home = Home(tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(PAGE, "bash")
    printed = command(*shlex.split(block)[1:]).strip()
    assert printed == SigningKey.load(tmp_path / "gateway.key").public.x
    assert home.first.public.x == SigningKey.load(tmp_path / "gateway.key.old").public.x


def test_the_limits_of_the_page_are_those_of_the_program():
    text = PAGE.read_text("utf-8")
    assert (20, 60.0, 900.0) == (
        commands.COMMANDS_MAX,
        commands.COMMANDS_S,
        commands.TELEGRAM_AGAIN_S,
    )
    assert "at most twenty commands a minute" in text
    assert "once in a quarter of an hour at most" in text
