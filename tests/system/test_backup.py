"""A hub and a gateway are lost, and made again out of older backups: the street goes on."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.programs import Program, done, until
from tests.system.test_copied_card import telegram
from tests.system.test_hub_link import Line

pytestmark = pytest.mark.system

# 300 Wh in a quarter-hour, in mWh.
QUARTER_MWH = 300_000


class Kept(Line):
    """The street, of which backups are made while it runs."""

    def hears(self, quarter: int, *expected: int) -> None:
        """The meter says what it counted, and the hub has these quarters then, with receipts."""
        os.write(self._wire, telegram(quarter))
        until("the hub has it", lambda: list(expected) == self.boundaries(), seconds=60)
        until("all is receipted", lambda: self.pending() == 0)

    def backed_up(self, config: Path, name: str) -> Path:
        done("backup", self.folder / name, "--config", config)
        return self.folder / name

    def lose_hub(self) -> None:
        self.bridge.kill()
        shutil.rmtree(self.hub.parent)

    def lose_gateway(self) -> None:
        self.gateway.kill()
        shutil.rmtree(self.folder / "data")
        for name in ("gateway.toml", "gateway.key"):
            (self.folder / name).unlink()

    def restore_hub(self, backup: Path) -> None:
        told = done("restore", backup, self.hub.parent)
        assert f"then: meterkast hub restored --config {self.hub}" in told
        done("hub", "restored", "--config", self.hub)
        self.bridge.start()

    def restore_gateway(self, backup: Path) -> None:
        folder = self.folder / "again"
        done("restore", backup, folder)
        self.toml = folder / "gateway.toml"
        self.gateway = Program("gateway", folder, "gateway", "--config", self.toml)
        until("the line is open", self._opened)

    def evidence(self) -> set[tuple[object, ...]]:
        """The chains of evidence that the hub has, and how far."""
        return set(self.rows("SELECT chain, up_to FROM chain WHERE chain LIKE 'evidence-%'"))

    def rows(self, question: str) -> list[tuple[object, ...]]:
        path = self.hub.parent / "books.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(question).fetchall()

    def counted_mwh(self) -> int:
        """What was given back, as the books have it: each watt-hour once."""
        question = "SELECT sum(delta) FROM counter WHERE register = '1-0:2.8.1'"
        return int(str(self.rows(question)[0][0]))

    def check(self, quarters: int) -> None:
        """Credited once, nothing held, and everything reckoned again is the same."""
        until("it is settled", lambda: quarters * QUARTER_MWH == self.counted_mwh())
        assert {""} == {held for _, _, held in self.chains()}
        assert [] == self.rows("SELECT gateway FROM fork")
        told = done("verify", "--config", self.hub)
        assert told.startswith("verified: ")
        until("it is published", (self.hub.parent / "log").is_dir)


def test_a_street_that_lost_hub_and_gateway_goes_on_from_older_backups(tmp_path):
    """Quarters 2, 3 and 4 are in one backup or in none; the meter counted on, and nothing is lost
    of what it counted."""
    with Kept(tmp_path) as street:
        street.hears(0, 0)
        street.hears(1, 0, 1)
        gateway = street.backed_up(street.toml, "gateway.meterkast")
        street.hears(2, 0, 1, 2)
        hub = street.backed_up(street.hub, "hub.meterkast")
        before = street.evidence()
        street.hears(3, 0, 1, 2, 3)
        street.hears(4, 0, 1, 2, 3, 4)
        street.lose_hub()
        street.lose_gateway()
        street.restore_hub(hub)
        street.restore_gateway(gateway)
        street.hears(5, 0, 1, 2, 5)
        street.check(quarters=5)
        # The chain before ends where the hub's backup knows it, and another goes on.
        assert (2, True) == (len(street.evidence()), before < street.evidence())
        assert b"zonstraat/2" in b"".join(
            one.read_bytes() for one in (street.hub.parent / "log").rglob("checkpoint")
        )


def test_whoever_alone_was_lost_gets_what_the_backup_lacks_or_goes_on_in_a_new_chain(tmp_path):
    with Kept(tmp_path) as street:
        street.hears(0, 0)
        hub = street.backed_up(street.hub, "hub.meterkast")
        street.hears(1, 0, 1)
        gateway = street.backed_up(street.toml, "gateway.meterkast")
        street.hears(2, 0, 1, 2)
        street.lose_hub()
        street.restore_hub(hub)
        street.hears(3, 0, 1, 2, 3)
        street.check(quarters=3)
        before = street.evidence()
        street.lose_gateway()
        street.restore_gateway(gateway)
        street.hears(4, 0, 1, 2, 3, 4)
        street.check(quarters=4)
        assert (2, True) == (len(street.evidence()), before < street.evidence())


@pytest.mark.soak
def test_keys_that_were_changed_since_the_backup_are_followed_again(tmp_path):
    """The gateway says it again; the bridge is given its newer key, as the page says."""
    with Kept(tmp_path) as street:
        street.hears(0, 0)
        hub = street.backed_up(street.hub, "hub.meterkast")
        done("hub", "rotate", "bridge", "--config", street.hub)
        with street.without_gateway():
            done("enrol", "--rotate", "--config", street.toml)
        street.hears(1, 0, 1)
        keys = street.hub.parent / "keys"
        shutil.copy(keys / "bridge.key", tmp_path / "newer.key")
        street.lose_hub()
        done("restore", hub, street.hub.parent)
        done("hub", "restored", "--config", street.hub)
        shutil.copy(tmp_path / "newer.key", keys / "bridge.next")
        done("hub", "rotate", "bridge", "--config", street.hub)
        street.bridge.start()
        street.hears(2, 0, 1, 2)
        street.check(quarters=2)
        assert "forged" not in street.gateway.log.read_text()


@pytest.mark.soak
def test_a_gateway_whose_key_was_changed_since_its_backup_is_given_another_and_nothing_is_lost(
    tmp_path,
):
    with Kept(tmp_path) as street:
        street.hears(0, 0)
        backup = street.backed_up(street.toml, "gateway.meterkast")
        with street.without_gateway():
            done("enrol", "--rotate", "--config", street.toml)
        street.hears(1, 0, 1)
        street.lose_gateway()
        street.restore_gateway(backup)
        os.write(street._wire, telegram(2))
        until("it is refused", lambda: "key of other numbers" in street.bridge.log.read_text())
        with street.without_gateway():
            street.toml.with_name("gateway.key").unlink()
            key = done("enrol", "--config", street.toml).strip()
            done("hub", "rekey", f"home={key}", "--config", street.hub)
        until("it has come", lambda: street.boundaries() == [0, 1, 2])
        street.hears(3, 0, 1, 2, 3)
        street.check(quarters=3)
