"""The command `meterkast` where not everything is installed."""

import sys

import pytest

from gateway import cli


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
def test_a_command_that_lacks_its_packages_says_which_in_three_lines(monkeypatch, capsys, tmp_path):
    (tmp_path / "of_a_hub.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.COMMANDS, "bridge", "of_a_hub:bridge")
    monkeypatch.setattr(sys, "argv", ["meterkast", "bridge"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert 2 == ended.value.code
    assert [
        "error: this command needs a package that is not installed: no_such_package",
        "where: meterkast bridge",
        "try:   at a hub: apt install meterkast-bridge, or 'meterkast[bridge]'",
    ] == capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "def full(): raise OSError(28, 'No space left on device', '/var/lib/x/key')",
            "error: the disk does not take it: No space left on device\n"
            "where: /var/lib/x/key\n"
            "try:   make room there, and then the same again\n",
        ),
        (
            "import sqlite3\n"
            "def full():\n"
            "    db = sqlite3.connect('full.db')\n"
            "    db.execute('PRAGMA max_page_count = 1')\n"
            "    db.execute('CREATE TABLE a (b)')\n",
            "error: the disk does not take it: database or disk is full\n"
            "where: meterkast full\n"
            "try:   make room there, and then the same again\n",
        ),
    ],
    ids=["file", "database"],
)
def test_a_full_disk_is_told_in_three_lines_by_every_command(
    monkeypatch, capsys, tmp_path, code, said
):
    (tmp_path / "of_a_disk.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "of_a_disk", raising=False)
    monkeypatch.setitem(cli.COMMANDS, "full", "of_a_disk:full")
    monkeypatch.setattr(sys, "argv", ["meterkast", "full"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (1, said) == (ended.value.code, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["dicover", "--write"],
            "error: there is no command 'dicover'; did you mean 'discover'?\n"
            "where: meterkast dicover --write\n"
            "try:   meterkast --help\n",
        ),
        (
            ["kiosk", "pn"],
            "error: there is no command 'pn'; did you mean 'pin'?\n"
            "where: meterkast kiosk pn\n"
            "try:   meterkast kiosk --help\n",
        ),
        (
            ["quux"],
            "error: there is no command 'quux'\nwhere: meterkast quux\ntry:   meterkast --help\n",
        ),
    ],
    ids=["command", "under a command", "nothing near"],
)
def test_a_mistyped_command_is_told_also_where_other_commands_cannot_be_loaded(
    monkeypatch, capsys, words, said
):
    monkeypatch.setitem(cli.COMMANDS, "bridge", "no_such_module:bridge")
    monkeypatch.setattr(sys, "argv", ["meterkast", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (2, said) == (ended.value.code, capsys.readouterr().err)
