"""The bridge's key: a new one is believed where the old one says so, and an old one never again."""

from pathlib import Path

import pytest

from gateway.community.bridgekey import FILE, BridgeKey
from gateway.contract import rotation
from gateway.contract.keys import SigningKey
from gateway.contract.signed import Malformed

FIRST, SECOND, THIRD, STRANGER = (SigningKey(bytes([n]) * 32) for n in range(1, 5))
ONE = rotation.make("z", old=FIRST, new=SECOND)
TWO = rotation.make("z", old=SECOND, new=THIRD)
BOTH = rotation.join([ONE, TWO])


def begun(folder: Path, configured: SigningKey = FIRST) -> BridgeKey:
    return BridgeKey(configured.public, community="z", folder=folder)


def test_before_any_word_it_is_the_one_in_the_settings(tmp_path: Path) -> None:
    assert FIRST.public.x == begun(tmp_path).key.x


@pytest.mark.parametrize(
    "configured",
    [
        pytest.param(FIRST, id="from the first"),
        pytest.param(SECOND, id="from one between"),
        pytest.param(THIRD, id="from the last"),
    ],
)
def test_the_rotations_lead_to_the_last_key(tmp_path: Path, configured: SigningKey) -> None:
    key = begun(tmp_path, configured)
    key.take(BOTH)
    assert THIRD.public.x == key.key.x


def test_what_was_learned_is_known_after_a_restart_without_the_hub(tmp_path: Path) -> None:
    begun(tmp_path).take(BOTH)
    assert THIRD.public.x == begun(tmp_path).key.x


def test_an_old_message_said_again_does_not_lead_back(tmp_path: Path) -> None:
    key = begun(tmp_path)
    key.take(BOTH)
    key.take(ONE)
    key.take(b"")
    assert THIRD.public.x == key.key.x
    assert THIRD.public.x == begun(tmp_path).key.x


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"nonsense", id="nonsense"),
        pytest.param(b"\n\n\n\n", id="empty papers"),
        pytest.param(rotation.make("y", old=FIRST, new=SECOND), id="another community"),
        pytest.param(ONE.replace(b'"key":"', b'"key":"A'), id="changed"),
        pytest.param(b"x" * 70_000, id="endless"),
    ],
)
def test_what_does_not_follow_changes_nothing(tmp_path: Path, message: bytes) -> None:
    key = begun(tmp_path)
    with pytest.raises(Malformed):
        key.take(message)
    assert FIRST.public.x == key.key.x
    assert not (tmp_path / FILE).exists()


def test_a_stranger_who_names_himself_is_passed_over(tmp_path: Path) -> None:
    key = begun(tmp_path)
    key.take(rotation.make("z", old=STRANGER, new=SECOND))
    assert FIRST.public.x == key.key.x


def test_a_file_that_somebody_changed_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(ONE.replace(b'"key":"', b'"key":"A'))
    assert FIRST.public.x == begun(tmp_path).key.x


def test_where_the_file_cannot_be_written_the_key_counts_all_the_same(tmp_path: Path) -> None:
    key = begun(tmp_path / "gone")
    key.take(ONE)
    assert SECOND.public.x == key.key.x
