"""What a steward types to take in official figures and sight-readings."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli import build
from gateway.contract.errors import ConfigError, PeopleError, UsageError
from ledger_bridge.books import store
from ledger_bridge.books.community import Community, load_registry
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.commands.counts import Count, instant, read_count
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, key

FLUVIUS = Path(__file__).parents[1] / "golden" / "official" / "fluvius.csv"
EAN = "541448820000000001"
DAY_MS = 86_400_000


def run(*words):
    return build()(words)


class Coop:
    """A hub in a folder, with a member whose meter is a point of the grid."""

    def __init__(self, folder, monkeypatch, capsys):
        self._capsys = capsys
        self._clock = folder / "clock"
        self.config = folder / "hub" / "bridge.toml"
        monkeypatch.setenv("METERKAST_CLOCK", str(self._clock))

    def found(self):
        self.be(MIDNIGHT_MS - DAY_MS)
        run("hub", "init", str(self.config.parent), "--community", ID, "--page", "127.0.0.1:0")
        policy = self.config.parent / "policy.toml"
        policy.write_text(POLICY)
        self.do("policy", "activate", str(policy))
        self.do("hub", "admit", f"home={key('home').public.x}")
        self.do("member", "add", "noor")
        self.do("device", "fit", "home/hall", "--member", "noor", "--point", EAN)
        self.be(MIDNIGHT_MS + 2 * DAY_MS)

    def be(self, now_ms):
        self._clock.write_text(str(now_ms))

    def do(self, *words):
        """Run a command; gives its status and what it said."""
        status = run(*words, "--config", str(self.config))
        return status, self._capsys.readouterr().out

    def ask(self, *words):
        return json.loads(self.do(*words, "--json")[1])

    def take(self, *data):
        hub = Hub.load(self.config)
        db = store.open_to_write(hub.books)
        community = Community(db, ID, log_key=hub.key("log"))
        Inbox(community).take([("home", one) for one in data], now_ms=NOON_MS)
        community.settle(NOON_MS)
        verify(db, ID, log_key=hub.key("log").public, progress=lambda step: None)
        db.close()

    def energy(self):
        self.take()
        (noor,) = [one for one in self.ask("ledger", "balance") if one["holder"] == "noor"]
        return noor["balances"].get("ENERGY", "0")


@pytest.fixture
def coop(tmp_path, tmp_path_factory, monkeypatch, capsys):
    """The same hub for each, founded once and copied."""
    founded = tmp_path_factory.getbasetemp() / "coop"
    if not founded.exists():
        Coop(tmp_path, monkeypatch, capsys).found()
        shutil.copytree(tmp_path, founded)
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    return Coop(tmp_path, monkeypatch, capsys)


def test_a_file_is_looked_at_taken_in_once_and_told(coop):
    """0.301 + 0.299 kWh at 1/3 credit per kWh are 0.2; by the gateway it was 0.31."""
    home = Chain("home")
    noon = [MIDNIGHT_MS + (48 + n) * QUARTER_MS for n in range(3)]
    wh = (0, 310, 610)
    coop.take(*(home.quarter(at, export_wh=n) for at, n in zip(noon, wh, strict=True)))
    look = ("evidence", "import", str(FLUVIUS), "--mapping", "fluvius")
    export = coop.ask(*look, "--preview")["points"][1]
    assert ("noor", "1-0:2.8.1", 2, 2, 1, 1, "0.6", "0.61", {"2026-06-21": "0.6"}) == tuple(
        export[name]
        for name in (
            "member", "register", "quarters", "new", "missing", "substituted", "kwh",
            "gateway_kwh", "days",
        )
    )  # fmt: skip
    assert "0.203333" == coop.energy()
    assert (0, "figures taken: 4, known before: 0; papers 1\n") == coop.do(*look)
    assert "0.200000" == coop.energy()
    assert (0, "nothing new; figures known before: 4\n") == coop.do(*look)
    lines = coop.ask("evidence", "list")
    assert [(1, EAN, "1-0:1.8.1"), (1, EAN, "1-0:2.8.1")] == [
        (one["paper"], one["about"], one["register"]) for one in lines
    ]


def test_a_corrected_file_changes_what_it_corrects_and_nothing_else(coop, tmp_path):
    coop.do("evidence", "import", str(FLUVIUS), "--mapping", "fluvius")
    corrected = tmp_path / "corrected.csv"
    corrected.write_bytes(
        FLUVIUS.read_bytes().replace(b"0,299;kWh;Geschat", b"0,599;kWh;Uitgelezen")
    )
    status, told = coop.do("evidence", "import", str(corrected), "--mapping", "fluvius")
    assert (0, "figures taken: 1, known before: 3; papers 2\n") == (status, told)
    assert "0.300000" == coop.energy()
    # And back again: the last paper is the one.
    coop.do("evidence", "import", str(FLUVIUS), "--mapping", "fluvius")
    assert "0.200000" == coop.energy()


ODD = {
    "a minus": (b"0,301", b"-0,301", "-0,301 is less than nothing"),
    "a point for a comma": (b"0,301", b"0.301", "'0.301' is no number with a decimal ','"),
    "words": (b"0,301", b"veel", "'veel' is no number with a decimal ','"),
    "over the rating": (b"0,301", b"16,0", "16 kWh is more than 55200 W bring in a quarter"),
    "another unit": (b"0,301;kWh", b"0,301;GJ", "unit 'GJ'; known: Wh, kWh, MWh, W, kW"),
    "another word": (b"Gevalideerd", b"Goed", "quality 'Goed'; known: Gevalideerd, Uitgelezen"),
    "a direction": (b"Injectie Dag", b"Zon", "direction 'Zon'; known: Afname Dag"),
    "no such day": (b"21-06-2026;12:00:00", b"31-06-2026;12:00:00", "'31-06-2026 12:00:00' is no"),
    "still to come": (b"21-06-2026;12:00:00", b"21-06-2027;12:00:00", "this is still to come"),
    "within a quarter": (b"21-06-2026;12:00:00", b"21-06-2026;12:01:00", "12:01 begins no quarter"),
    "twice": (b";12:15:00;21-06-2026;12:30", b";12:00:00;21-06-2026;12:30", "line 2 is about the"),
    "a clock that went forward": (
        b"21-06-2026;12:00:00", b"29-03-2026;02:00:00", "2026-03-29 02:00 was on no clock",
    ),
    "somebody else": (b"000000001\"", b"000000009\"", "nobody has meter point 541448820000000009"),
    "a line cut off": (b";0,301;kWh;Gevalideerd;", b"", "8 columns, the table has 11"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "why"), ODD.values(), ids=ODD)
def test_an_odd_line_is_named_with_its_number_and_nothing_is_taken(coop, tmp_path, old, new, why):
    """Invariants 10 (DESIGN), 13 and 14 (ledger)."""
    file = tmp_path / "odd.csv"
    file.write_bytes(FLUVIUS.read_bytes().replace(old, new))
    with pytest.raises(ConfigError) as error:
        coop.do("evidence", "import", str(file), "--mapping", "fluvius")
    assert error.value.problems[0].what.startswith(why)
    assert f"{file} line " in error.value.problems[0].where
    assert [] == coop.ask("evidence", "list")
    look = ("evidence", "import", str(file), "--mapping", "fluvius", "--preview")
    status, told = coop.do(*look)
    assert 1 == status
    assert why in told


def test_the_rest_of_a_file_can_be_taken(coop, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_bytes(FLUVIUS.read_bytes().replace(b"0,301", b"-0,301"))
    words = ("evidence", "import", str(file), "--mapping", "fluvius", "--skip-refused")
    assert (0, "figures taken: 3, known before: 0; papers 1\n") == coop.do(*words)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no column 'EAN-code'"),
        (b"a;b\n1;2\n", "no column 'EAN-code'"),
        (b"\xff\xfe\x00", "not written in utf-8-sig"),
        (b'"', "no column"),
        (b"x" * 200_000 + b";y\n", "no table any more: field larger than field limit"),
    ],
    ids=["empty", "another table", "another encoding", "a quote", "one long cell"],
)
def test_what_is_no_such_file_is_named(coop, tmp_path, data, what):
    file = tmp_path / "odd.csv"
    file.write_bytes(data)
    with pytest.raises(ConfigError) as error:
        coop.do("evidence", "import", str(file), "--mapping", "fluvius")
    assert error.value.problems[0].what.startswith(what)


def test_a_mapping_of_ones_own_is_read_and_its_mistakes_are_named(coop, tmp_path):
    mapping = tmp_path / "own.toml"
    mapping.write_text(
        'source = "us"\ntime = ["start"]\nformat = "%H:%M"\nvalue = "kwh"\nuint = 1\n'
    )
    with pytest.raises(ConfigError) as error:
        coop.do("evidence", "import", str(FLUVIUS), "--mapping", str(mapping))
    assert any("uint" in one.what or "uint" in one.where for one in error.value.problems)
    with pytest.raises(PeopleError, match="no mapping 'fluvus'"):
        coop.do("evidence", "import", str(FLUVIUS), "--mapping", "fluvus")


def test_a_sight_reading_names_its_meter_and_checks_its_counts(coop):
    home = Chain("home")
    coop.take(*(home.quarter(NOON_MS + n * QUARTER_MS, export_wh=n * 300) for n in range(4)))
    words = ("evidence", "sight", "home/hall", "--register", "1-0:2.8.1", "--by", "Ans")
    _, told = coop.do(*words, "--value", "0.300 kWh", "--at", "2026-06-21 12:15")
    assert "paper 1: home/hall showed 0.300 kWh at 2026-06-21T10:15:00Z\n" == told
    assert ["0.3 kWh"] == [one["what"] for one in coop.ask("evidence", "list")]
    db = store.open_to_read(Hub.load(coop.config).books)
    grades = [grade for (grade,) in db.execute("SELECT grade FROM counter ORDER BY at_ms")]
    assert ["checked", "checked", "self-reported", "self-reported"] == grades
    coop.take()


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        ({"--value": "0.3 m3"}, "this meter counts in Wh, not in l"),
        ({"--value": "much"}, "'much' is no count"),
        ({"--at": "2026-10-25 02:30"}, "'2026-10-25 02:30' was twice"),
        ({"--at": "2027-06-21 12:00"}, "2027-06-21 12:00 is still to come"),
        ({"--at": "noon"}, "'noon' is no time"),
        ({"--register": "1-0:1.8.1"}, "0 meters could be meant"),
        ({"--serial": "E9"}, "0 meters could be meant"),
    ],
)
def test_a_sight_reading_that_cannot_be_is_told_with_what_to_try(coop, odd, what):
    coop.take(Chain("home").quarter(NOON_MS, export_wh=300))
    words = {
        "--register": "1-0:2.8.1",
        "--by": "Ans",
        "--value": "1 kWh",
        "--at": "2026-06-21 12:15",
    }
    with pytest.raises(UsageError) as error:
        coop.do(
            "evidence", "sight", "home/hall", *(w for pair in (words | odd).items() for w in pair)
        )
    assert error.value.problems[0].what.startswith(what)
    assert [] == coop.ask("evidence", "list")


def test_what_held_says_to_type_ends_the_waiting(coop):
    home = Chain("home")
    wh = (0, 16_000, 16_300)
    coop.take(*(home.quarter(NOON_MS + n * QUARTER_MS, export_wh=one) for n, one in enumerate(wh)))
    (waits,) = coop.ask("ledger", "held")
    words = waits["try"].removeprefix("meterkast ").replace("(or --refuse) ", "").split(" --reason")
    _, told = coop.do(*words[0].split(), "--reason", "the shed was wired in")
    assert "counts of home/hall accepted: 2; the shed was wired in\n" == told
    assert [] == coop.ask("ledger", "held")
    assert "5.433333" == coop.energy()
    with pytest.raises(UsageError, match="no counts of home/hall E7"):
        coop.do(*words[0].replace("--serial E1", "--serial E7").split(), "--reason", "odd")


def test_points_come_with_members_from_a_file(coop, tmp_path):
    file = tmp_path / "members.csv"
    file.write_text(
        "member,gateway,device,point,share,sources,digits\n"
        "bram,,,871694831000000009,0.5,solar;battery,\n"
        "noor,home,shed,871694831000000010,,,6\n"
    )
    coop.do("member", "import", str(file))
    db = store.open_to_read(Hub.load(coop.config).books)
    fits = load_registry(db, ID).fits
    (alone,), (shed,) = fits["", "871694831000000009"], fits["home", "shed"]
    assert ("bram", "1/2", {"solar", "battery"}) == (alone.member, alone.share, alone.sources)
    assert ("871694831000000010", "", 6) == (shed.point, shed.share, shed.digits)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("4426.123 kWh", Count(4_426_123_000, "Wh", 1_000)),
        ("4426 kWh", Count(4_426_000_000, "Wh", 1_000_000)),
        ("00812,5 m3", Count(812_500_000, "l", 100_000)),
        ("12.345 GJ", Count(12_345_000_000_000, "J", 1_000_000_000)),
    ],
)
def test_a_count_is_as_exact_as_its_last_digit(given, count):
    assert count == read_count(given, where="here")


def test_a_time_is_local_or_of_utc():
    assert MIDNIGHT_MS == instant("2026-06-21 00:00", "Europe/Amsterdam", where="here")
    assert MIDNIGHT_MS == instant("2026-06-20T22:00:00Z", "Europe/Amsterdam", where="here")


def test_a_line_that_is_refused_in_both_of_its_columns_is_named_once(coop, tmp_path):
    (tmp_path / "of.toml").write_text(
        'source = "A company"\nseparator = ";"\ndecimal = ","\npoint = "point"\n'
        'time = ["from"]\nformat = "%d-%m-%Y %H:%M"\nzone = "Europe/Amsterdam"\n'
        'stamp = "start"\nminutes = 15\nunit = "kWh"\n'
        '[values]\n"in" = "1-0:1.8.0"\n"out" = "1-0:2.8.0"\n'
    )
    file = tmp_path / "june.csv"
    file.write_text("point;from;in;out\n871694831000000017;21-06-2026 12:00;0,012;0,301\n")
    words = ("evidence", "import", str(file), "--mapping", str(tmp_path / "of.toml"))
    (refused,) = coop.ask(*words, "--preview")["refused"]
    assert 2 == refused["line"]
    assert refused["why"].startswith("nobody has meter point 871694831000000017 then")
