"""Eastron SDM120: a small meter for one phase, both ways, on Modbus.

Spec: Eastron SDM120-Modbus protocol V2.5, table of input registers, at most 80 of them a question.
"""

from drivers.reading import Reading
from drivers.sdk import Device, Example, Line
from drivers.wire import eastron, modbus_device

DEVICE = Device(
    name="sdm120",
    title="Eastron SDM120, one phase",
    line=Line(2400),
    wiring=eastron.WIRING,
    registers=modbus_device.registers(eastron.ONE_PHASE),
    examples=(
        Example(
            "a solar circuit, asked by another master",
            bytes.fromhex(
                "0103fc000002f45b 010304011370a2ae73"
                "010400000020f1d2 0104404365b3330000000000000000407a9fbe0000000000000000"
                "c45dd99a00000000000000004460e6660000000000000000c31380000000000000000000"
                "bf7c6a7f1ebb"
                "01040046000a91d8 0104144248147b4452877d45a5f52342f1199a4206cccd112b"
                "0104015600029027 01040445c046125cd9"
            ),
            tuple(
                Reading(register, value, unit, None, "18051234")
                for register, value, unit in (
                    ("0-0:96.1.0", "18051234", ""),
                    ("1-0:32.7.0", 229_700, "mV"),
                    ("1-0:31.7.0", 3_916, "mA"),
                    ("1-0:36.7.0", -887_400, "mW"),
                    ("1-0:29.7.0", 899_600, "mVA"),
                    ("reactive-power-signed.l1", -147_500, "mvar"),
                    ("1-0:33.7.0", "-0.986", ""),
                    ("1-0:14.7.0", 50_020, "mHz"),
                    ("1-0:1.8.0", 842_117_004, "mWh"),
                    ("1-0:2.8.0", 5_310_642_090, "mWh"),
                    ("1-0:3.8.0", 120_550_003, "mvarh"),
                    ("1-0:4.8.0", 33_700_001, "mvarh"),
                    ("1-0:15.8.0", 6_152_758_789, "mWh"),
                )
            ),
        ),
        Example(
            "frequency and counters, after another meter on the same line",
            bytes.fromhex(
                "020400000050f0050204a04366000000000000000000003f051eb8000000000000000042f0000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "000000000000000000000000000000000000000000000000000000000000000000000042c8000000"
                "000000000000000000000088d201040046000c11da0104184248147b4452877d45a5f52342f1199a"
                "4206cccd000000008a5b"
            ),
            (
                Reading("1-0:14.7.0", 50_020, "mHz"),
                Reading("1-0:1.8.0", 842_117_004, "mWh"),
                Reading("1-0:2.8.0", 5_310_642_090, "mWh"),
                Reading("1-0:3.8.0", 120_550_003, "mvarh"),
                Reading("1-0:4.8.0", 33_700_001, "mvarh"),
            ),
        ),
    ),
    recognise=eastron.recogniser(eastron.ONE_PHASE),
    open=eastron.opener(eastron.ONE_PHASE),
    polled=True,
    checksum_bits=16,
    settings=modbus_device.SETTINGS,
    quirks=(
        "2400 baud from the factory; the button at its front sets another.",
        *eastron.QUIRKS,
        *modbus_device.QUIRKS,
    ),
)
