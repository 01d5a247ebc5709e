"""What a command would write is shown, asked about, and written whole or not at all."""

import io
import json
import os

import pytest

from gateway.contract.errors import UsageError
from gateway.contract.writing import Planned, offer, write


class Terminal(io.StringIO):
    def isatty(self):
        return True


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_what_changes_is_shown_and_written_when_somebody_says_yes(tmp_path, capsys, monkeypatch):
    (tmp_path / "old").write_text("a\nb\n")
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    files = [Planned(tmp_path / "old", "a\nc\n"), Planned(tmp_path / "in" / "new", "-- d\n", 0o777)]
    assert 0 == offer(files, yes=False)
    said = capsys.readouterr()
    assert (
        f"changed {tmp_path}/old (2 lines)\n     a\n    -b\n    +c\n"
        f"new {tmp_path}/in/new (1 lines)\n    +-- d\n"
        "written: 2 of 2 files\n"
    ) == said.out
    assert "write 2 files? [y/N] " == said.err
    assert "a\nc\n" == (tmp_path / "old").read_text()
    assert 0o777 == (tmp_path / "in" / "new").stat().st_mode & 0o777


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "yess\n"])
def test_nothing_is_written_unless_somebody_says_yes(tmp_path, monkeypatch, answer):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert 1 == offer([Planned(tmp_path / "new", "d\n")], yes=False)
    assert [] == names(tmp_path)


def test_without_a_terminal_it_is_shown_and_nobody_is_asked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="--yes"):
        offer([Planned(tmp_path / "new", "d\n")], yes=False)
    assert f"new {tmp_path}/new (1 lines)\n    +d\n" == capsys.readouterr().out
    assert [] == names(tmp_path)


def test_what_is_as_it_should_be_is_left_alone(tmp_path, capsys):
    (tmp_path / "old").write_text("a\n")
    assert 0 == offer([Planned(tmp_path / "old", "a\n")], yes=False)
    assert "nothing to write: 1 files are as they should be\n" == capsys.readouterr().out


def test_what_comes_next_is_said_only_where_something_was_written(tmp_path, capsys):
    files = [Planned(tmp_path / "new", "d\n")]
    offer(files, yes=True, then="sudo restart it")
    assert "written: 1 of 1 files\nthen: sudo restart it\n" in capsys.readouterr().out
    offer(files, yes=True, then="sudo restart it")
    assert "nothing to write: 1 files are as they should be\n" == capsys.readouterr().out
    (tmp_path / "new").unlink()
    offer(files, yes=True, as_json=True, then="sudo restart it")
    assert "then" not in capsys.readouterr().out


def test_long_files_are_told_by_their_length(tmp_path, capsys):
    offer([Planned(tmp_path / "long", "x\n" * 81)], yes=True)
    assert f"new {tmp_path}/long (81 lines)\nwritten: 1 of 1 files\n" == capsys.readouterr().out
    offer([Planned(tmp_path / "shorter", "x\n" * 80)], yes=True)
    assert 80 == capsys.readouterr().out.count("    +x\n")


def test_as_json_it_only_tells_unless_told_yes(tmp_path, capsys):
    files = [Planned(tmp_path / "new", "d\n")]
    assert 0 == offer(files, yes=False, as_json=True)
    told = {"files": [{"path": f"{tmp_path}/new", "change": "new"}]}
    assert told == json.loads(capsys.readouterr().out)
    assert [] == names(tmp_path)
    offer(files, yes=True, as_json=True)
    assert told == json.loads(capsys.readouterr().out)
    assert "d\n" == (tmp_path / "new").read_text()


def test_who_may_read_a_file_is_no_matter_of_who_wrote_it(tmp_path):
    """Mosquitto reads its rights as a user of its own, and root may have made the folder."""
    before = os.umask(0o077)
    try:
        offer([Planned(tmp_path / "etc" / "in" / "acl", "a\n")], yes=True)
    finally:
        os.umask(before)
    made = [tmp_path / "etc", tmp_path / "etc/in", tmp_path / "etc/in/acl"]
    assert [0o755, 0o755, 0o644] == [path.stat().st_mode & 0o777 for path in made]


def test_where_one_cannot_be_written_none_is(tmp_path):
    (tmp_path / "folder").mkdir()
    files = [Planned(tmp_path / "first", "a\n"), Planned(tmp_path / "folder" / "x" / "y", "b\n")]
    (tmp_path / "folder" / "x").write_text("a file where a folder should be")
    with pytest.raises(UsageError, match=r"cannot be written"):
        write(files)
    assert ["folder", "x"] == names(tmp_path)
