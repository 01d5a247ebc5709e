"""Files in the words of several makers, their values worked out by hand and by smllib.

The bytes are of our own making; the ways of writing are those of real meters.
"""

from decimal import ROUND_FLOOR, Decimal

import pytest
from smllib import SmlStreamReader

from drivers import sml
from drivers.reading import Message, Reading

EBZ = bytes.fromhex(
    "1b1b1b1b010101017603410062006200726301017601010341010b090145425a010074cbb1010163ca410076"
    "034101620062007263070177010b090145425a010074cbb1070100620affff72620165002ec3f47677078181"
    "c78203ff010101010445425a0177070100000009ff010101010b090145425a010074cbb10177070100010800"
    "ff6401800101621e52fb69000004278b77dac00177070100020800ff0101621e52fb69000000000000000901"
    "77070100100700ff0101621b52fe55ffff76250177070100240700ff0101621b52fe550000202501010163ed"
    "a9007603410262006200726302017101631977001b1b1b1b1a00ccfd"
)
HAGER = bytes.fromhex(
    "1b1b1b1b01010101760351006200620072630101760101035101093130303230303330010163b1ad00760351"
    "0162006200726307017701093130303230303330070100620affff017577078181c78203ff01010101064841"
    "4745520177070100000000ff010101010931303032303033300177070100020801ff628201621e52ff690000"
    "000041c4988f01770700006001ffff010101010e303030303031303032303033300177070100010701ff6282"
    "01621b52fc55fca49884010101633ade00760351026200620072630201710163c16200001b1b1b1b1a0167e6"
)
ISKRA = bytes.fromhex(
    "1b1b1b1b010101017603610062006200726301017601010361010b0a0149534b00043ef4070101634a450076"
    "036101620062007263070177010b0a0149534b00043ef407070100620affff72620165000000c17477070100"
    "60320101010101010449534b0177070100600100ff010101010b0a0149534b00043ef4070177070100010800"
    "ff65001c810401621e52ff6501df5e760177070100100700ff0101621b5200521b01010162fa007603610262"
    "00620072630201710163a95c000000001b1b1b1b1a03b4ed"
)
EASYMETER = bytes.fromhex(
    "1b1b1b1b010101017603710062006200726301017601010371010b0645535901040a0b0c0d01016374910076"
    "037101620062007263070177010b0645535901040a0b0c0d070100620affff726201650b1a82477677078181"
    "c78203ff01010101044553590177070100010800ff0101621e52fc690000001408499d070177070100010801"
    "ff0101621e520165000d20570177070100010802ff0101621e520165000000880177070100010700ff010162"
    "1b52fe5500002ac80177070100600505ff0101010163018001010163956b0076037102620062007263020171"
    "01637149000000001b1b1b1b1a03c136"
)
APATOR = bytes.fromhex(
    "1b1b1b1b010101017603810062006200726301017601010381010b0a0141504101034f0d1901016393bc0076"
    "038101620062007263070177010b0a0141504101034f0d19070100620affff72620165003cea3cf101770701"
    "006032010101010101044150410177070100600100ff010101010b0a0141504101034f0d1901770701000108"
    "00ff65001c010401621e52ff690000000000449f380177070100020800ff0101621e52ff690000000000002f"
    "210177070100100700ff0101621b52005900000000000001cf0177070100240700ff0101621b520059ffffff"
    "fffffffff00177070100380700ff0101621b520059000000000000006401770701004c0700ff0101621b5200"
    "59000000000000017b0177070100200700ff0101622352ff6900000000000009110177070100340700ff0101"
    "622352ff6900000000000009050177070100480700ff0101622352ff69000000000000090a01770701001f07"
    "00ff0101622152fe69000000000000000b0177070100330700ff0101622152fe69000000000000003f017707"
    "0100470700ff0101622152fe6900000000000000d20177070100510701ff0101620852005900000000000000"
    "7601770701000e0700ff0101622c52ff6900000000000001f401770701000002000001010101053132303001"
    "010163cbe900760381026200620072630201710163b98e001b1b1b1b1a004438"
)


FILES = {"EBZ": EBZ, "HAGER": HAGER, "ISKRA": ISKRA, "EASYMETER": EASYMETER, "APATOR": APATOR}


def _read(stream: bytes) -> list[Message]:
    session = sml.DEVICE.open({})
    steps = [*session.feed(stream), *session.timeout()]
    return [step for step in steps if isinstance(step, Message)]


@pytest.mark.parametrize(
    ("maker", "reading"),
    [
        # 69 00000427 8B77DAC0: 4567890123456 hundred-thousandths of a watt-hour
        ("EBZ", Reading("1-0:1.8.0", 45_678_901_234, "mWh", None, "1EBZ0107654321")),
        # Nine of these are less than a milliwatt-hour.
        ("EBZ", Reading("1-0:2.8.0", 0, "mWh", None, "1EBZ0107654321")),
        # 55 FFFF7625: -35291 hundredths
        ("EBZ", Reading("1-0:16.7.0", -352_910, "mW", None, "1EBZ0107654321")),
        ("EBZ", Reading("1-0:36.7.0", 82_290, "mW", None, "1EBZ0107654321")),
        ("EBZ", Reading("1-0:0.0.9", "1EBZ0107654321", "", None, "1EBZ0107654321")),
        ("HAGER", Reading("129-129:199.130.3", "HAGER", "", None, "10020030")),
        ("HAGER", Reading("1-0:0.0.0", "10020030", "", None, "10020030")),
        ("HAGER", Reading("0-0:96.1.255", "0000010020030", "", None, "10020030")),
        # 69 00000000 41C4988F tenths
        ("HAGER", Reading("1-0:2.8.1", 110_340_315_100, "mWh", None, "10020030")),
        # 55 FCA49884: -56321916 ten-thousandths are -5632191.6 mW
        ("HAGER", Reading("1-0:1.7.1", -5_632_192, "mW", None, "10020030")),
        # The message's checksum has one byte.
        ("ISKRA", Reading("1-0:1.8.0", 3_141_592_600, "mWh", None, "1ISK0071234567")),
        ("ISKRA", Reading("1-0:16.7.0", 27_000, "mW", None, "1ISK0071234567")),
        # 69 00000014 08499D07: 86038387975 ten-thousandths
        ("EASYMETER", Reading("1-0:1.8.0", 8_603_838_797, "mWh", None, "0645535901040a0b0c0d")),
        # 65 000D2057: 860247 tens
        ("EASYMETER", Reading("1-0:1.8.1", 8_602_470_000, "mWh", None, "0645535901040a0b0c0d")),
        ("EASYMETER", Reading("1-0:1.8.2", 1_360_000, "mWh", None, "0645535901040a0b0c0d")),
        ("EASYMETER", Reading("1-0:1.7.0", 109_520, "mW", None, "0645535901040a0b0c0d")),
        ("EASYMETER", Reading("1-0:96.5.5", "384", "", None, "0645535901040a0b0c0d")),
        # 69 00000000 00449F38: 4497208 tenths
        ("APATOR", Reading("1-0:1.8.0", 449_720_800, "mWh", None, "1APA0155512345")),
        ("APATOR", Reading("1-0:36.7.0", -16_000, "mW", None, "1APA0155512345")),
        ("APATOR", Reading("1-0:72.7.0", 231_400, "mV", None, "1APA0155512345")),
        ("APATOR", Reading("1-0:51.7.0", 630, "mA", None, "1APA0155512345")),
        ("APATOR", Reading("1-0:81.7.1", "118 °", "", None, "1APA0155512345")),
        ("APATOR", Reading("1-0:14.7.0", 50_000, "mHz", None, "1APA0155512345")),
        ("APATOR", Reading("1-0:0.2.0*0", "1200", "", None, "1APA0155512345")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.register,
)
def test_a_file_says_what_its_bytes_say(maker: str, reading: Reading) -> None:
    (message,) = _read(FILES[maker])

    assert reading in message.readings
    assert message.faults == ()


MILLI = {27: 3, 30: 3, 33: 3, 35: 3, 44: 3}


def _amounts(frame: bytes) -> list[tuple[str, int]]:
    """What smllib makes of the numbers of a file, in whole milli-units."""
    reader = SmlStreamReader()
    reader.add(frame)
    parts = [part.message_body for part in reader.get_frame().parse_frame()]
    told = []
    for entry in [entry for part in parts for entry in getattr(part, "val_list", ())]:
        if entry.unit in MILLI:
            milli = Decimal(entry.value).scaleb(entry.scaler + MILLI[entry.unit])
            name = entry.obis.obis_code.removesuffix("*255")
            told.append((name, int(milli.to_integral_value(ROUND_FLOOR))))
    return told


@pytest.mark.parametrize(
    ("maker", "amounts"),
    [("EBZ", 4), ("HAGER", 2), ("ISKRA", 2), ("EASYMETER", 4), ("APATOR", 13)],
)
def test_a_file_is_read_as_smllib_reads_it(maker: str, amounts: int) -> None:
    (message,) = _read(FILES[maker])
    ours = [(reading.register, reading.value) for reading in message.readings if reading.unit]

    assert ours == _amounts(message.raw)
    assert len(ours) == amounts


def test_files_after_one_another_are_read_apart() -> None:
    stream = b"".join(FILES.values())
    session = sml.DEVICE.open({})
    told = [step for n in range(len(stream)) for step in session.feed(stream[n : n + 1])]

    assert [step.raw for step in told if isinstance(step, Message)] == list(FILES.values())
