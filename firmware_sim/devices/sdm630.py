"""An Eastron SDM630: three phases, both ways.

Spec: Eastron SDM630-Modbus protocol V1.8, §1.2: input registers, at most 40 values a question.
"""

from firmware_sim import eastron
from firmware_sim.modbus import Meter

PHASE_COUNTERS = {
    0x015A: ("1-0:21.8.0", 6),
    0x015C: ("1-0:41.8.0", 6),
    0x015E: ("1-0:61.8.0", 6),
    0x0160: ("1-0:22.8.0", 6),
    0x0162: ("1-0:42.8.0", 6),
    0x0164: ("1-0:62.8.0", 6),
}
TABLE = {
    **eastron.THREE_PHASES,
    **eastron.COUNTERS,
    **eastron.REACTIVE,
    **eastron.SUM,
    **PHASE_COUNTERS,
}

USUAL = Meter(eastron.cells(TABLE, 20_123_456), most=80, holes=True)

SIMULATOR = eastron.simulator(
    {
        "as delivered": USUAL,
        "at address 17": USUAL._replace(address=17),
        "busy at every third question": USUAL._replace(busy=3),
        "late with every answer": USUAL._replace(late_ms=600),
    },
    {"at address 17": {"address": "17"}},
)
