"""What databases of time series are asked, and what is made of their answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.errors import ConfigError
from ledger_bridge.hub import Hub
from ledger_bridge.timeseries import engines
from ledger_bridge.timeseries.engines import Database, TooLarge, Trouble, Unwanted
from ledger_bridge.timeseries.posting import Post
from ledger_bridge.timeseries.schema import COUNT, DAY, FAULT, GATEWAY, Forget, Written
from ledger_bridge.timeseries.target import Engine, Target
from tests.answers import Answers, Question
from tests.influx import MONTHS, Answer, Influx, Victoria
from tests.street import QUARTER_MS

ENGINES: tuple[Engine, ...] = ("influxdb1", "influxdb2", "influxdb3", "victoriametrics")
LINE = "day,community=straat,account=a1,flow=taken gained=7i 1782079200000"
# An hour from 2026-06-22T00:00 in Amsterdam on.
HOUR = Forget(DAY, {"community": "straat", "account": "a1"}, (1782079200000, 1782082800000))
ALWAYS = HOUR._replace(span_ms=None)


@pytest.fixture
def answers() -> Iterator[Answers]:
    server = Answers()
    yield server
    server.close()


def database(url: str, engine: Engine = "influxdb1") -> Database:
    return Database(Target(engine, url, "co-op", "meterkast", "meterkast_months", "a:b"))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_is_written_to_in_the_same_way(answers: Answers, engine: Engine) -> None:
    database(answers.url, engine).write("months", [LINE, LINE])
    words = {"org": "co-op", "bucket": "meterkast_months", "precision": "ms"}
    asked = Question("POST", "/api/v2/write", words, f"{LINE}\n{LINE}", "Token a:b")
    assert [asked] == answers.asked


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        ("token", Answer(401, b'{"error":"authorization failed"}'), "401 authorization failed"),
        ("token", Answer(403, b'{"code":"forbidden","message":"no"}'), "403 no"),
        ("missing", Answer(404, b'{"error":"database not found"}'), "404 database not found"),
        ("away", Answer(500, b"oops"), "500 oops"),
        ("away", Answer(502), "502 Bad Gateway"),
        ("away", Answer(503, b'{"error":"timeout"}'), "503 timeout"),
        ("away", Answer(302, b"", (("Location", "http://127.0.0.1:1/"),)), "302 Found"),
        ("away", Answer(500, b"\xff"), "the answer is no text"),
        ("away", Answer(400, b"<html>plain HTTP"), "400 <html>plain HTTP"),
        (
            "full",
            Answer(500, b'{"error":"engine: write /wal: no space left on device"}'),
            "500 engine: write /wal: no space left on device",
        ),
    ],
)
def test_an_answer_says_what_the_trouble_is(
    answers: Answers, kind: str, answer: Answer, why: str
) -> None:
    answers.to_come.append(answer)
    with pytest.raises(Trouble) as caught:
        database(answers.url).write("years", [LINE])
    assert (kind, why) == (caught.value.kind, caught.value.why)


@pytest.mark.parametrize(("header", "after_s"), [("7", 7.0), ("soon", 0.0), ("", 0.0)])
def test_a_database_says_when_it_is_to_be_tried_again(
    answers: Answers, header: str, after_s: float
) -> None:
    answers.to_come.append(Answer(429, b"", (("Retry-After", header),)))
    with pytest.raises(Trouble) as caught:
        database(answers.url).write("years", [LINE])
    assert after_s == caught.value.after_s


@pytest.mark.parametrize(
    ("dropped", "is_too_old", "body"),
    [
        (0, False, b'{"error":"unable to parse \'x\': missing fields"}'),
        (2, False, b'{"error":"partial write: field type conflict: input field dropped=2"}'),
        (9, True, b'{"error":"partial write: points beyond retention policy dropped=9"}'),
        (
            0,
            False,
            b'{"error":"partial write of line protocol occurred",'
            b'"data":[{"error_message":"invalid column type","line_number":1}]}',
        ),
    ],
    ids=["1: no line", "1: another type", "1: too old", "3: another type"],
)
@pytest.mark.parametrize("status", [400, 422])
def test_lines_that_are_refused_are_told_in_the_databases_words(
    answers: Answers, status: int, dropped: int, is_too_old: bool, body: bytes
) -> None:
    answers.to_come.append(Answer(status, body))
    with pytest.raises(Unwanted) as caught:
        database(answers.url).write("years", [LINE])
    assert (dropped, is_too_old) == (caught.value.dropped, caught.value.is_too_old)
    assert not caught.value.why.startswith("{")


def test_a_body_that_is_too_large_is_no_refusal(answers: Answers) -> None:
    answers.to_come.append(Answer(413))
    with pytest.raises(TooLarge):
        database(answers.url).write("years", [LINE])


def test_a_database_that_nobody_runs_is_away() -> None:
    server = Answers()
    server.close()
    with pytest.raises(Trouble) as caught:
        database(server.url).write("years", [LINE])
    assert ("away", "[Errno 111] Connection refused") == (caught.value.kind, caught.value.why)


def test_a_database_that_never_answers_is_away(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "WRITE_S", 0.1)
    answers.to_come.append(None)
    with pytest.raises(Trouble) as caught:
        database(answers.url).write("years", [LINE])
    assert "away" == caught.value.kind


# What is taken away.


@pytest.mark.parametrize(
    ("engine", "forget", "questions"),
    [
        (
            "influxdb1",
            HOUR,
            [
                (
                    "POST /query",
                    {
                        "db": "meterkast",
                        "q": 'DELETE FROM "day" WHERE "community" = \'straat\' AND "account" ='
                        " 'a1' AND time >= 1782079200000ms AND time < 1782082800000ms",
                    },
                    "",
                )
            ],
        ),
        (
            "influxdb2",
            HOUR,
            [
                (
                    "POST /api/v2/delete",
                    {"org": "co-op", "bucket": "meterkast"},
                    '{"start": "2026-06-21T22:00:00+00:00",'
                    ' "stop": "2026-06-21T22:59:59.999999+00:00", "predicate":'
                    ' "_measurement=\\"day\\" AND community=\\"straat\\" AND account=\\"a1\\""}',
                )
            ],
        ),
        (
            "influxdb2",
            ALWAYS,
            [
                (
                    "POST /api/v2/delete",
                    {"org": "co-op", "bucket": "meterkast"},
                    '{"start": "1970-01-01T00:00:00+00:00",'
                    ' "stop": "2199-12-31T23:59:59.999999+00:00", "predicate":'
                    ' "_measurement=\\"day\\" AND community=\\"straat\\" AND account=\\"a1\\""}',
                )
            ],
        ),
        ("influxdb3", HOUR, []),
        ("influxdb3", ALWAYS, []),
        ("victoriametrics", HOUR, []),
        (
            "victoriametrics",
            ALWAYS,
            [
                ("GET /internal/force_flush", {}, ""),
                (
                    "POST /api/v1/admin/tsdb/delete_series",
                    {"match[]": '{__name__=~"day_(gained)",community="straat",account="a1"}'},
                    "",
                ),
            ],
        ),
    ],
)
def test_what_goes_is_asked_for_in_the_engines_own_way(
    answers: Answers,
    engine: Engine,
    forget: Forget,
    questions: list[tuple[str, dict[str, str], str]],
) -> None:
    answers.always = lambda _: Answer(200, b'{"results":[{"statement_id":0}]}')
    left = database(answers.url, engine).forget([forget])
    asked = [(f"{one.method} {one.path}", one.words, one.body) for one in answers.asked]
    assert questions == asked
    assert ([] if questions else [forget]) == left


def test_a_table_of_influxdb_3_goes_as_a_whole_or_is_not_there(answers: Answers) -> None:
    answers.to_come += [Answer(200), Answer(404, b'{"error":"not found"}')]
    for _ in range(2):
        database(answers.url, "influxdb3").clear(GATEWAY, "straat")
    words = {"db": "meterkast_months", "table": "gateway", "hard_delete_at": "now"}
    asked = Question("DELETE", "/api/v3/configure/table", words, "", "Token a:b")
    assert [asked, asked] == answers.asked


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("missing", b'{"results":[{"statement_id":0,"error":"database not found: meterkast"}]}'),
        ("away", b'{"results":[{"statement_id":0,"error":"shard is read-only"}]}'),
    ],
)
def test_influxdb_1_says_in_a_200_that_nothing_went(
    answers: Answers, kind: str, body: bytes
) -> None:
    answers.to_come.append(Answer(200, body))
    with pytest.raises(Trouble) as caught:
        database(answers.url).forget([ALWAYS])
    assert kind == caught.value.kind


def test_influxdb_takes_away_the_span_of_one_account_and_nothing_beside(influx: Influx) -> None:
    there = database(influx.url)
    begin_ms, end_ms = 1782079200000, 1782082800000
    times = (begin_ms - QUARTER_MS, begin_ms, end_ms - QUARTER_MS, end_ms)
    keys = [DAY.key("straat", account, "taken") for account in ("a1", "a2", 'it\'s "x" \\ y\\')]
    there.write("years", [f"{key} gained=1i {at_ms}" for key in keys for at_ms in times])
    odd = Forget(DAY, {"community": "straat", "account": 'it\'s "x" \\ y\\'}, HOUR.span_ms)
    assert [] == there.forget([HOUR, odd])
    left = [(one["account"], one["time"]) for one in influx.points("day")]
    assert [
        *[("a1", times[0]), ("a1", times[3])],
        *[("a2", at_ms) for at_ms in times],
        *[('it\'s "x" \\ y', times[0]), ('it\'s "x" \\ y', times[3])],
    ] == sorted(left)


@pytest.mark.parametrize(
    "name",
    ["\\", "a\\", "a\\,b", "a\nb", "a\r\nb", "a\rb", "a\0b", "' OR 1=1 --", "=, ", "x" * 65_536],
    ids=range(10),
)
def test_whatever_a_gateway_calls_a_meter_it_comes_and_goes_alone(
    influx: Influx, name: str
) -> None:
    there = database(influx.url)
    key = FAULT.key("straat", "home", name, "checksum")
    other = FAULT.key("straat", "home", "other", "checksum")
    there.write("months", [f"{key} so_far=1i 1782079200000", f"{other} so_far=2i 1782079200000"])
    assert [1, 2] == sorted(one["so_far"] for one in influx.points("fault", database=MONTHS))
    meter = {"community": "straat", "gateway": "home", "device": name}
    assert [] == there.forget([Forget(FAULT, meter, HOUR.span_ms)])
    assert [2] == [one["so_far"] for one in influx.points("fault", database=MONTHS)]


def test_what_a_database_will_not_take_away_is_owed(answers: Answers) -> None:
    nothing = Answer(200, b'{"results":[{"statement_id":0}]}')
    answers.to_come += [Answer(400, b'{"error":"error parsing query"}'), nothing]
    assert [ALWAYS] == database(answers.url).forget([ALWAYS, HOUR])


def test_influxdb_clears_one_community_only(influx: Influx) -> None:
    there = database(influx.url)
    lines = [f"{DAY.key(name, 'a1', 'taken')} gained=1i 1782079200000" for name in ("dorp", "wijk")]
    there.write("years", lines)
    there.clear(DAY, "dorp")
    there.clear(COUNT, "dorp")  # there is none yet
    assert ["wijk"] == [one["community"] for one in influx.points("day")]


def test_victoriametrics_takes_an_account_away_right_after_it_came(victoria: Victoria) -> None:
    there = database(victoria.url, "victoriametrics")
    keys = [DAY.key("straat", account, "taken") for account in ("a1", "a2")]
    there.write("years", [f"{key} gained=1i 1782079200000" for key in keys])
    assert [] == there.forget([ALWAYS])
    left = [one["metric"]["account"] for one in victoria.export('{__name__=~"day_.*"}')]
    assert ["a2"] == left


# What is refused, among much that is not.


def test_only_the_lines_that_a_real_database_refuses_are_refused(influx: Influx) -> None:
    lines = [f"{DAY.key('straat', 'a1', 'taken')} gained={n}i {n * QUARTER_MS}" for n in range(500)]
    for n in (0, 250, 499):
        lines[n] = lines[n].replace("i ", " ")
    influx.write(lines[1])  # the type of the field is set
    posted = Post(database(influx.url)).post(Written((), tuple(lines)))
    assert [lines[0], lines[250], lines[499]] == sorted(
        (one.line for one in posted.refused), key=lines.index
    )
    assert 497 == len(influx.points("day"))
    assert "field type conflict" in posted.refused[0].why


def test_points_beyond_the_retention_of_a_database_are_no_refusal(influx: Influx) -> None:
    influx.query('ALTER RETENTION POLICY "autogen" ON "meterkast_months" DURATION 2208h', MONTHS)
    in_2100_ms = 4102444800000
    key = GATEWAY.key("straat", "home")
    posted = Post(database(influx.url)).post(
        Written(months=(f"{key} online=1i {in_2100_ms}", f"{key} online=0i 1000"))
    )
    assert [] == posted.refused
    assert [in_2100_ms] == [one["time"] for one in influx.points("gateway", MONTHS)]


# What bridge.toml says.

TOML = 'community = "straat"\nbroker = "mqtt://127.0.0.1:1883"\n'


def test_the_hub_knows_where_its_time_series_go(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(
        f"""{TOML}
        series_url = "http://127.0.0.1:8086/"
        series_org = "co-op"
        series_token_file = "keys/series.token"
        """
    )
    token = tmp_path / "keys" / "series.token"
    token.parent.mkdir()
    token.write_text("a-token\n")
    token.chmod(0o600)
    expected = Target(
        *("influxdb2", "http://127.0.0.1:8086", "co-op"),
        *("meterkast", "meterkast_months", "a-token"),
    )
    assert expected == Hub.load(tmp_path / "bridge.toml").series


def test_a_hub_without_an_address_has_no_time_series(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(TOML)
    assert Hub.load(tmp_path / "bridge.toml").series is None


@pytest.mark.parametrize(
    ("problem", "toml"),
    [
        ("InfluxDB 2 asks for an organisation", 'series_url = "http://127.0.0.1:8086"'),
        ("'127.0.0.1:8086' is not an address", 'series_url = "127.0.0.1:8086"'),
        ("a name or a password in it", 'series_url = "http://user:secret@127.0.0.1:8086"'),
        (
            "years would go after three months: 'meterkast' is the bucket of both",
            'series_url = "http://a:1"\nseries_org = "o"\nseries_bucket_months = "meterkast"',
        ),
        ("input should be 'influxdb2', 'influxdb1'", 'series_engine = "influx"'),
        ("did you mean series_bucket?", 'series_buckt = "x"'),
    ],
)
def test_a_mistake_about_time_series_is_told(tmp_path: Path, problem: str, toml: str) -> None:
    (tmp_path / "bridge.toml").write_text(TOML + toml)
    with pytest.raises(ConfigError, match=problem.replace("?", r"\?")):
        Hub.load(tmp_path / "bridge.toml")


def test_a_password_in_the_address_is_not_shown(tmp_path: Path) -> None:
    toml = 'series_url = "http://user:secret@127.0.0.1:8086"\nseries_org = "o"'
    (tmp_path / "bridge.toml").write_text(TOML + toml)
    with pytest.raises(ConfigError) as told:
        Hub.load(tmp_path / "bridge.toml")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("problem", "token", "mode"),
    [
        ("no token for time series: No such file", None, 0o600),
        ("other users of this machine can read the token", "abc", 0o644),
        ("the file has to have one word", "\n", 0o600),
        ("the file has to have one word", "my token", 0o600),
        ("it is not ASCII", "tøken", 0o600),
    ],
)
def test_a_token_that_cannot_be_used_is_told(
    tmp_path: Path, problem: str, token: str | None, mode: int
) -> None:
    toml = 'series_url = "http://a:1"\nseries_engine = "influxdb1"\nseries_token_file = "token"\n'
    (tmp_path / "bridge.toml").write_text(TOML + toml)
    if token is not None:
        (tmp_path / "token").write_text(token)
        (tmp_path / "token").chmod(mode)
    with pytest.raises(ConfigError, match=problem):
        _ = Hub.load(tmp_path / "bridge.toml").series
