"""Data records of the M-Bus. Expected values are worked out by hand from the bytes."""

import pytest

from drivers.wire import mbus_data

HEAT, COLD, BOTH, WATER, HOT, GAS, ELECTRICITY = 0x04, 0x0A, 0x0D, 0x07, 0x06, 0x03, 0x02
XYZ = "3a63"


def _telegram(records, medium=ELECTRICITY, maker=XYZ, config="0000"):
    head = f"78563412{maker}01{medium:02x}0000{config}"
    body = bytes.fromhex(head + records.replace(" ", ""))
    return mbus_data.read(0x72, body, offset=100, length=len(body) + 9)


def _said(records, medium=ELECTRICITY, maker=XYZ):
    """Register, value and unit of what follows the header's four registers."""
    telegram = _telegram(records, medium, maker)
    assert telegram.faults == ()
    return [(r.register, r.value, r.unit) for r in telegram.readings[4:]]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("0103 7f", ("1-0:1.8.0", 127_000, "mWh")),
        ("0203 3412", ("1-0:1.8.0", 4_660_000, "mWh")),
        ("0303 563412", ("1-0:1.8.0", 1_193_046_000, "mWh")),
        ("0403 78563412", ("1-0:1.8.0", 305_419_896_000, "mWh")),
        ("0503 0000c841", ("1-0:1.8.0", 25_000, "mWh")),
        ("0603 010000000001", ("1-0:1.8.0", 1_099_511_627_777_000, "mWh")),
        ("0703 0100000000000001", ("object", "1-0:1.8.0", "")),
        ("0700 0100000000000001", ("1-0:1.8.0", 72_057_594_037_927_937, "mWh")),
        ("0903 42", ("1-0:1.8.0", 42_000, "mWh")),
        ("0a03 4321", ("1-0:1.8.0", 2_143_000, "mWh")),
        ("0b03 654321", ("1-0:1.8.0", 214_365_000, "mWh")),
        ("0c03 87654321", ("1-0:1.8.0", 21_436_587_000, "mWh")),
        ("0e03 214365870921", ("1-0:1.8.0", 210_987_654_321_000, "mWh")),
        ("0d03 c3 654321", ("1-0:1.8.0", 214_365_000, "mWh")),
        ("0d2b d2 4301", ("1-0:1.7.0", -143_000, "mW")),
        ("0d2b e2 feff", ("1-0:1.7.0", -2_000, "mW")),
        ("022b feff", ("1-0:1.7.0", -2_000, "mW")),
        ("0a2b 43f1", ("1-0:1.7.0", -143_000, "mW")),
        ("0dfd10 03 434241", ("location", "ABC", "")),
        ("0dfd10 00", ("location", "", "")),
        ("0dfd10 02 0107", ("location", "0107", "")),
    ],
)
def test_every_type_of_data_gives_its_value(record, expected):
    if expected[0] == "object":
        (fault,) = _telegram(record).faults
        assert fault.kind == "object"
        assert fault.detail.startswith(expected[1])
    else:
        assert _said(record) == [expected]


@pytest.mark.parametrize(
    "record",
    [
        "0103 80",
        "0203 0080",
        "0403 00000080",
        "042b 00000080",
        "062b 000000000080",
        "0703 0000000000000080",
        "0503 0000c07f",
        "0503 0000807f",
        "0a03 4a21",
        "0a03 ffff",
        "0c03 eeeeeeee",
        "0003",
        "0803",
        "028315 3412",
        "046d 00000000",
        "046d 9e0c5536",
        "046d 3c0c5536",
        "046d ffffffff",
        "026c ffff",
        "026c 0000",
        "026c 5e12",
    ],
)
def test_what_stands_for_no_value_is_a_fault_and_the_rest_lives(record):
    telegram = _telegram(record + "042b 01000000")
    (fault,) = telegram.faults
    assert fault.kind == "placeholder"
    # Behind the frame's offset of 100 come 7 bytes of its head and 12 of the fixed header.
    assert fault.offset == 119
    assert fault.length == len(bytes.fromhex(record))
    assert telegram.readings[-1].value == 1_000


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("0400 01000000", 1),
        ("0407 01000000", 10_000_000),
        ("04fb00 01000000", 100_000_000),
        ("04fb01 01000000", 1_000_000_000),
    ],
)
def test_watt_hours_of_every_size_are_milliwatt_hours(record, expected):
    assert _said(record) == [("1-0:1.8.0", expected, "mWh")]


@pytest.mark.parametrize(
    ("medium", "record", "expected"),
    [
        (HEAT, "0408 01000000", ("6-0:1.0.0", 1_000, "mJ")),
        (HEAT, "040f 01000000", ("6-0:1.0.0", 10_000_000_000, "mJ")),
        (HEAT, "04fb08 01000000", ("6-0:1.0.0", 100_000_000_000, "mJ")),
        (HEAT, "04fb09 01000000", ("6-0:1.0.0", 1_000_000_000_000, "mJ")),
        (HEAT, "04fb0d 07000000", ("energy-mcal", "7 Mcal", "")),
        (HEAT, "0416 01000000", ("6-0:2.0.0", 1_000_000, "mL")),
        (HEAT, "042e 01000000", ("6-0:8.0.0", 1_000_000, "mW")),
        (HEAT, "0436 01000000", ("heat-rate", "1000000 J/h", "")),
        (HEAT, "043e 01000000", ("6-0:9.0.0", "1 m3/h", "")),
        (HEAT, "0458 18fcffff", ("6-0:10.0.0", -1_000, "m°C")),
        (HEAT, "025f 1500", ("6-0:11.0.0", 21_000, "m°C")),
        (HEAT, "0261 ceff", ("6-0:12.0.0", "-0.50 K", "")),
        (HEAT, "02fd66 1500", ("vif-fd-66", "21", "")),
        (COLD, "0406 01000000", ("5-0:1.0.0", 1_000_000, "mWh")),
        (COLD, "0416 01000000", ("5-0:2.0.0", 1_000_000, "mL")),
        (BOTH, "0406 01000000", ("6-0:1.0.0", 1_000_000, "mWh")),
        (BOTH, "04863c 01000000", ("5-0:1.0.0", 1_000_000, "mWh")),
        (HEAT, "04863c 01000000", ("energy.backward", 1_000_000, "mWh")),
        (WATER, "0413 01000000", ("8-0:1.0.0", 1_000, "mL")),
        (WATER, "04933c 01000000", ("volume.backward", 1_000, "mL")),
        (HOT, "0413 01000000", ("9-0:1.0.0", 1_000, "mL")),
        (GAS, "0413 01000000", ("7-0:3.0.0", 1_000, "mL")),
        (GAS, "04933e 01000000", ("7-0:3.2.0", 1_000, "mL")),
        (GAS, "04933a 01000000", ("volume.uncorrected", 1_000, "mL")),
        (ELECTRICITY, "04833b 01000000", ("1-0:1.8.0", 1_000, "mWh")),
        (ELECTRICITY, "04833c 01000000", ("1-0:2.8.0", 1_000, "mWh")),
        (ELECTRICITY, "04ab3c 01000000", ("1-0:2.7.0", 1_000, "mW")),
        (ELECTRICITY, "04fb02 01000000", ("1-0:3.8.0", 1_000_000, "mvarh")),
        (ELECTRICITY, "04fb14 01000000", ("1-0:3.7.0", 1_000, "mvar")),
        (ELECTRICITY, "02fd48 fd08", ("1-0:12.7.0", 230_100, "mV")),
        (ELECTRICITY, "02fdc8fc02 fd08", ("1-0:52.7.0", 230_100, "mV")),
        (ELECTRICITY, "02fdc8fc05 fd08", ("voltage.vfc05", "2301", "")),
        (ELECTRICITY, "04fdd9fc03 a20d0000", ("1-0:71.7.0", 3_490, "mA")),
        (ELECTRICITY, "04abfc01 01000000", ("1-0:21.7.0", 1_000, "mW")),
        (ELECTRICITY, "04abfc813c 01000000", ("1-0:22.7.0", 1_000, "mW")),
        (ELECTRICITY, "02fb2e f401", ("1-0:14.7.0", 50_000, "mHz")),
        (ELECTRICITY, "0408 01000000", ("energy", 1_000, "mJ")),
        (WATER, "0421 02000000", ("on-time", 120_000, "ms")),
        (WATER, "0427 02000000", ("operating-time", 172_800_000, "ms")),
        (WATER, "01fd32 02", ("tariff-time", 7_200_000, "ms")),
        (WATER, "01fd6d 02", ("battery-time", 172_800_000, "ms")),
    ],
)
def test_a_quantity_has_the_code_of_its_medium(medium, record, expected):
    assert _said(record, medium) == [expected]


@pytest.mark.parametrize(
    ("record", "register"),
    [
        ("4403 01000000", "1-0:1.8.0*1"),
        ("840103 01000000", "1-0:1.8.0*2"),
        ("c40103 01000000", "1-0:1.8.0*3"),
        ("c48f0303 01000000", "energy*127"),
        ("841003 01000000", "1-0:1.8.1"),
        ("842103 01000000", "1-0:1.8.2*2"),
        ("84901003 01000000", "1-0:1.8.5"),
        ("844003 01000000", "energy.u1"),
        ("84804003 01000000", "energy.u2"),
        ("1403 01000000", "energy.max"),
        ("2403 01000000", "energy.min"),
        ("3403 01000000", "energy.error"),
    ],
)
def test_storage_tariff_subunit_and_function_name_the_register(record, register):
    assert _said(record) == [(register, 1_000, "mWh")]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("049370 01000000", ("volume", 0, "mL")),
        ("049377 01000000", ("volume", 10_000, "mL")),
        ("04937d 01000000", ("volume", 1_000_000, "mL")),
        ("049300 01000000", ("volume", 1_000, "mL")),
        ("049320 01000000", ("volume.v20", "1", "")),
        ("049378 01000000", ("volume.v78", "1", "")),
        ("0493ff05 01000000", ("volume.maker-05", "1", "")),
        ("04ff05 01000000", ("maker-05", "1", "")),
        ("047f 01000000", ("maker", "1", "")),
        ("04937f 01000000", ("volume.maker", "1", "")),
        ("0493fc10 01000000", ("volume.vfc10", "1", "")),
        ("046f 01000000", ("vif-6f", "1", "")),
        ("04fb60 01000000", ("vif-fb-60", "1", "")),
        ("0593ff05 0000c03f", ("volume.maker-05", "1.500000000", "")),
    ],
)
def test_an_extension_scales_a_value_or_leaves_it_as_it_came(record, expected):
    assert _said(record) == [expected]


@pytest.mark.parametrize(
    ("maker", "expected"),
    [
        ("434c", ("1-0:32.7.0", 237_000, "mV")),
        ("b515", ("1-0:32.7.0", 237_000, "mV")),
        (XYZ, ("voltage.maker-01", "237", "")),
    ],
    ids=["Saia-Burgess", "EMU", "another"],
)
def test_a_makers_own_extension_is_read_only_where_it_is_known(maker, expected):
    assert _said("02fdc9ff01 ed00", maker=maker) == [expected]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # as the standard has it: after the last VIFE
        ("02fc74 03 485225 d411", ("text:%RH", "45.64", "")),
        # as some meters have it: right after the VIF
        ("02fc 03 485225 74 d411", ("text:%RH", "45.64", "")),
        ("027c 03 485225 d411", ("text:%RH", "4564", "")),
        # with an extension that changes the value
        ("03fc20 03 434241 153100", ("text:ABC.v20", "12565", "")),
        ("0d7c 04 44492078 02 3231", ("text:x ID", "12", "")),
    ],
)
def test_a_quantity_that_is_spelled_out_is_read_backward(record, expected):
    assert _said(record) == [expected]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # 26 = 2 | 3 << 3: day byte 21 | 2 << 5, month byte 6 | 3 << 4
        ("026c 5536", ("date", "2026-06-21", "")),
        ("046d 1e0c5536", ("0-0:1.0.0", "2026-06-21T12:30", "")),
        ("066d 051e0c553600", ("0-0:1.0.0", "2026-06-21T12:30:05", "")),
        ("036d 051e0c", ("date", "12:30:05", "")),
        ("02ec7e 5536", ("date.future", "2026-06-21", "")),
        # 99 = 3 | 12 << 3, and no century
        ("026c 75c6", ("date", "1999-06-21", "")),
        # the century's bits: 2 stands for 2100
        ("046d 1e4c5536", ("0-0:1.0.0", "2126-06-21T12:30", "")),
    ],
)
def test_dates_are_text(record, expected):
    assert _said(record) == [expected]


@pytest.mark.parametrize(
    ("clock", "at_ms"),
    [
        ("046d 1e0c5536", 1_782_037_800_000),  # June: 10:30 UTC
        ("046d 1e8c5536", 1_782_037_800_000),  # and the bit for summer time says so
        ("046d 1e0c5531", 1_768_995_000_000),  # 21 January: 11:30 UTC
        ("046d 1e8c5531", 1_768_991_400_000),  # a meter that has summer time in January
        ("046d 1e02593a", None),  # 25 October 2:30 comes twice
        ("066d 051e0c553600", 1_782_037_805_000),
        ("026c 5536", None),
        ("04ed7e 1e0c5536", None),
        ("84406d 1e0c5536", None),
    ],
)
def test_a_reading_has_the_meters_clock(clock, at_ms):
    telegram = _telegram(clock + "0403 01000000")
    assert telegram.readings[-1].register == "1-0:1.8.0"
    assert telegram.readings[-1].at_ms == at_ms


def test_an_older_value_has_the_time_stored_with_it():
    telegram = _telegram("4403 01000000 446d 1e0c5531 0403 02000000 046d 1e0c5536")
    times = {reading.register: reading.at_ms for reading in telegram.readings}
    assert times["1-0:1.8.0*1"] == 1_768_995_000_000
    assert times["1-0:1.8.0"] == 1_782_037_800_000


def test_the_same_register_twice_keeps_the_first_and_names_the_second():
    said = _said("0403 01000000 0406 02000000 0403 03000000")
    assert said == [
        ("1-0:1.8.0", 1_000, "mWh"),
        ("energy", 2_000_000, "mWh"),
        ("energy#2", 3_000, "mWh"),
    ]


@pytest.mark.parametrize("record", ["0a6c 2112", "0b6d 051e0c", "056d 0000c842", "076c" + "11" * 8])
def test_a_date_in_a_coding_that_has_none_is_a_fault(record):
    telegram = _telegram(record)
    assert [fault.kind for fault in telegram.faults] == ["object"]
    assert len(telegram.readings) == 4


@pytest.mark.parametrize("record", ["0203 ffff", "0a13 43f1", "0503 000080bf", "0226 ffff"])
def test_a_counter_below_zero_is_a_fault(record):
    telegram = _telegram(record)
    assert [fault.kind for fault in telegram.faults] == ["object"]
    assert len(telegram.readings) == 4


@pytest.mark.parametrize(
    "records",
    [
        "0403 010000",
        "04",
        "8484",
        "0d03",
        "0d03 05 41",
        "0d03 ca",
        "0d03 f8",
        "3f",
        "7f",
        "8f00 01",
        "8b" * 11 + "03 01",
        "04" + "83" * 12 + "03 01000000",
        "027c 00 0000",
        "02fc",
    ],
)
def test_a_telegram_that_cannot_be_followed_gives_nothing_but_a_fault(records):
    telegram = _telegram("042b 01000000" + records)
    assert telegram.readings == ()
    assert [fault[:2] for fault in telegram.faults] == [("object", 100)]


@pytest.mark.parametrize(
    ("records", "more", "maker_data"),
    [("0f", False, None), ("1f", True, None), ("0f0102", False, "0102"), ("1fff", True, "ff")],
)
def test_what_follows_the_last_record_is_the_makers(records, more, maker_data):
    telegram = _telegram("2f 042b 01000000 2f2f" + records)
    said = {reading.register: reading.value for reading in telegram.readings}
    assert said["1-0:1.7.0"] == 1_000
    assert telegram.more is more
    assert said.get("maker-data") == maker_data


def test_zeros_to_the_end_are_no_records():
    assert _said("042b 01000000 000000") == [("1-0:1.7.0", 1_000, "mW")]


def test_an_encrypted_telegram_is_refused_for_want_of_a_key():
    telegram = _telegram("c0ffee00c0ffee00", config="1005")
    assert telegram.readings == ()
    assert [fault.kind for fault in telegram.faults] == ["key"]


def test_an_old_meters_signature_is_not_taken_for_encryption():
    telegram = _telegram("042b 01000000", config="27b6")
    assert telegram.faults == ()
    assert telegram.readings[-1].value == 1_000


def test_the_header_tells_who_and_how():
    (maker, medium, version, status) = _telegram("").readings
    assert (maker.register, maker.value, maker.serial) == ("manufacturer", "XYZ", "12345678")
    assert (medium.register, medium.value) == ("medium", "electricity")
    assert (version.register, version.value) == ("version", "1")
    assert (status.register, status.value) == ("status", "ok")


@pytest.mark.parametrize(
    ("ci", "body", "kinds"),
    [(0x72, "785634123a6301", ["object"]), (0x73, "00" * 16, ["object"]), (0x7A, "2a000000", [])],
)
def test_other_headers_are_read_or_refused(ci, body, kinds):
    telegram = mbus_data.read(ci, bytes.fromhex(body), offset=0, length=9)
    assert [fault.kind for fault in telegram.faults] == kinds
