"""An Eastron SDM230: one phase, both ways.

Spec: Eastron SDM230-Modbus protocol V1.2: input registers, at most 40 values a question.
"""

from firmware_sim import eastron
from firmware_sim.modbus import Meter

TABLE = {**eastron.ONE_PHASE, **eastron.COUNTERS, **eastron.REACTIVE, **eastron.SUM}

USUAL = Meter(eastron.cells(TABLE, 19_077_001), most=80, holes=True)

SIMULATOR = eastron.simulator({"as delivered": USUAL}, {})
