"""The gateway's key and another one in its place: wherever it is cut off, the chains go on."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway import config, enrol, ownkey
from gateway.config import Config
from gateway.contract import record, rotation, signed
from gateway.contract.clock import SystemClock
from gateway.contract.errors import ConfigError, UsageError
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.record import KEY, QUARTER
from gateway.journal import EVIDENCE, SAMPLES, Journal
from gateway.journal.file import RESTORED
from gateway.quarter import Moment
from tests.publisher import BRIDGE

TOML = f"""\
community = "z"
gateway = "home"
bridge_key = "{BRIDGE.public.x}"
broker = "mqtt://127.0.0.1:1"

[device.hall]
driver = "p1"
port = "/dev/pts/9999"
"""
NOON = Moment(1_780_308_000_000, 0, "synced")
CLOCK = SystemClock()


class PowerCut(BaseException):
    """Nothing goes on after this."""


class Home:
    """A gateway that has made a record in each of its chains."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        path = folder / "gateway.toml"
        path.write_text(TOML)
        self.path = path
        self.config: Config = config.load(path)
        self.first = SigningKey.create(self.config.key)
        self.record()

    def journal(self) -> Journal:
        """As the gateway opens it at its start."""
        key = ownkey.load(self.config, clock=CLOCK)
        return Journal.open(self.config.data, community="z", gateway="home", key=key, boot="b")

    def record(self) -> None:
        with closing(self.journal()) as journal:
            for kind in (EVIDENCE, SAMPLES):
                journal.append(kind, QUARTER, [], moment=NOON)
            journal.commit(NOON)

    def signers(self, kind: str) -> list[str]:
        """Who signed each record of a chain; each is checked as a hub does."""
        with closing(self.journal()) as journal:
            chain = next(c for c in journal.chains() if c.kind == kind)
            key, found = self.first.public, []
            for data in journal.records(chain.chain, start=1, limit=99):
                document, got = record.parse(data)
                assert document.by(key), got.identity
                found.append(key.x)
                key = rotation.next_key(got, key) if got.typ == KEY else key
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("kind", [EVIDENCE, SAMPLES])
def test_the_old_key_hands_over_in_each_chain_and_the_new_one_goes_on(
    home: Home, kind: str
) -> None:
    new = ownkey.rotate(home.config, clock=CLOCK)
    home.record()
    old = home.first.public.x
    assert [old, old, new.public.x] == home.signers(kind)


def test_the_new_key_is_in_the_place_of_the_old_which_is_kept(home: Home) -> None:
    new = ownkey.rotate(home.config, clock=CLOCK)
    assert ["gateway.key", "gateway.key.old"] == sorted(
        path.name for path in home.config.key.parent.glob("gateway.key*")
    )
    assert new.public.x == SigningKey.load(home.config.key).public.x
    assert home.first.public.x == SigningKey.load(Path(f"{home.config.key}.old")).public.x
    assert 0o600 == home.config.key.stat().st_mode & 0o777


def test_a_key_can_be_renewed_again_and_again(home: Home) -> None:
    keys = [home.first.public.x]
    for _ in range(3):
        keys.append(ownkey.rotate(home.config, clock=CLOCK).public.x)
        home.record()
    assert [keys[0]] * 2 + [keys[1]] * 2 + [keys[2]] * 2 + [keys[3]] == home.signers(EVIDENCE)


# The calls before and after each of which the power may fail.
CALLS = [
    pytest.param(os, "open", id="a file is opened"),
    pytest.param(os, "fsync", id="something is synced"),
    pytest.param(os, "link", id="the old file is linked"),
    pytest.param(Path, "replace", id="a file takes another's place"),
    pytest.param(Journal, "renew", id="the journal is renewed"),
    pytest.param(Path, "unlink", id="a file is deleted"),
]


def explosive(call: Callable[..., Any], nth: int, *, after: bool) -> Callable[..., Any]:
    """The same call, but that the power fails at the nth one."""
    calls = 0

    def called(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not after:
            raise PowerCut
        result = call(*args, **named)
        if calls == nth:
            raise PowerCut
        return result

    return called


def cut_off(folder: Path, owner: Any, name: str, *, after: bool) -> Iterator[Home]:
    """A home for each of these calls of a rotation, at which it was cut off."""
    for nth in count(1):
        home = Home(folder / str(nth))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, explosive(getattr(owner, name), nth, after=after))
            with suppress(PowerCut):
                ownkey.rotate(home.config, clock=CLOCK)
                return
        yield home


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), CALLS)
def test_wherever_a_rotation_is_cut_off_the_next_start_signs_what_a_hub_takes(
    tmp_path: Path, owner: Any, name: str, after: bool
) -> None:
    cuts = 0
    for home in cut_off(tmp_path, owner, name, after=after):
        cuts += 1
        home.record()
        assert len(home.signers(EVIDENCE)) in {2, 3}
        assert not Path(f"{home.config.key}.new").exists()
        ownkey.rotate(home.config, clock=CLOCK)
        home.record()
        assert SigningKey.load(home.config.key).public.x == home.signers(EVIDENCE)[-1]
    assert cuts > 0


def test_a_new_key_that_was_only_half_written_is_forgotten(home: Home) -> None:
    Path(f"{home.config.key}.new").write_bytes(b'{"kty":"OK')
    assert home.first.public.x == ownkey.load(home.config, clock=CLOCK).public.x
    assert not Path(f"{home.config.key}.new").exists()


def test_while_the_gateway_runs_its_key_stays(home: Home) -> None:
    with closing(home.journal()), pytest.raises(UsageError):
        ownkey.rotate(home.config, clock=CLOCK)
    assert [home.first.public.x] == home.signers(EVIDENCE)


def test_a_gateway_without_a_record_has_nothing_to_say_it_with(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(TOML)
    settings = config.load(tmp_path / "gateway.toml")
    first = SigningKey.create(settings.key)
    with pytest.raises(UsageError, match="has made no record yet that could name its new key"):
        ownkey.rotate(settings, clock=CLOCK)
    assert first.public.x == ownkey.load(settings, clock=CLOCK).public.x


def test_a_house_without_a_community_needs_no_other_key(tmp_path: Path) -> None:
    text = 'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/9999"\n'
    (tmp_path / "gateway.toml").write_text(text)
    with pytest.raises(UsageError, match="has no community that should know its key"):
        ownkey.rotate(config.load(tmp_path / "gateway.toml"), clock=CLOCK)


# A key that is lost, and another in its place


def lose_the_key(home: Home) -> SigningKey:
    """Another one in its place, of which the old one says nothing."""
    home.config.key.unlink()
    return SigningKey.create(home.config.key)


def waiting(home: Home) -> list[tuple[str, str, bool]]:
    """The chain, the moment, and whether the key in use signed it, of what has no receipt."""
    key = SigningKey.load(home.config.key).public
    with closing(home.journal()) as journal:
        return [
            (chain.chain, record.parse(data)[1].identity.boot, signed.parse(data).by(key))
            for chain in journal.chains()
            for data in journal.records(chain.chain, start=chain.receipted + 1, limit=99)
        ]


def start(home: Home) -> None:
    with closing(home.journal()) as journal:
        ownkey.go_on(journal, SigningKey.load(home.config.key), NOON)


def test_what_a_lost_key_signed_and_nobody_confirmed_is_signed_anew_in_new_chains(
    home: Home,
) -> None:
    before = waiting(home)
    lose_the_key(home)
    home.record()  # as a gateway may have gone on that was started before
    start(home)
    after = waiting(home)
    assert [True] * 4 == [is_ours for _, _, is_ours in after]
    assert set() == {chain for chain, *_ in before} & {chain for chain, *_ in after}
    start(home)
    assert after == waiting(home)


def test_what_waits_in_a_restored_journal_whose_key_was_not_in_the_backup_is_signed_anew(
    home: Home,
) -> None:
    (home.config.data / RESTORED).touch()
    lose_the_key(home)
    start(home)
    home.record()
    after = waiting(home)
    assert [True] * 4 == [is_ours for _, _, is_ours in after]
    assert 2 == len({chain for chain, *_ in after})


def test_a_chain_of_which_all_is_confirmed_goes_on_under_another_key(home: Home) -> None:
    with closing(home.journal()) as journal:
        shared = [chain for chain in journal.chains() if chain.shared]
        for chain in shared:
            journal.receipt(chain.chain, 1, chain.digest)
        chains = {chain.chain for chain in shared}
    lose_the_key(home)
    start(home)
    home.record()
    assert chains == {chain for chain, *_ in waiting(home)}


def test_a_chain_whose_key_handed_over_goes_on(home: Home) -> None:
    ownkey.rotate(home.config, clock=CLOCK)
    home.record()
    before = waiting(home)
    start(home)
    assert before == waiting(home)


def test_enrol_prints_one_key_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gateway.toml").write_text(TOML)
    assert 0 == enrol.enrol(config=tmp_path / "gateway.toml")
    assert 0 == enrol.enrol(config=tmp_path / "gateway.toml")
    first, second = capsys.readouterr().out.split()
    assert (first, 43) == (second, len(first))


def test_enrol_prints_the_key_that_took_its_place(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == enrol.enrol(config=home.path, rotate=True)
    printed = capsys.readouterr().out.strip()
    assert PublicKey(printed).x == SigningKey.load(home.config.key).public.x
    assert printed != home.first.public.x


def test_a_key_that_is_gone_is_told(home: Home) -> None:
    home.config.key.unlink()
    with pytest.raises(ConfigError, match="the key file does not exist"):
        ownkey.load(home.config, clock=CLOCK)


def test_the_journal_is_what_decides(home: Home) -> None:
    """A new key that no record names is nobody's, however whole its file is."""
    SigningKey.create(Path(f"{home.config.key}.new"))
    assert home.first.public.x == ownkey.load(home.config, clock=CLOCK).public.x
