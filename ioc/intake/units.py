"""Units of makers and of ours: which measure the same thing, and how one becomes the other. Pure.

Each unit has a dimension and a way to the dimension's base: base = value * factor + shift. SI prefixes stand in the
table where instruments use them, so that mPa and MPa are two units and a slip of the pen is not one of a million.
Shares of a gas (ppm, ppb) and its mass per volume (µg/m³) are different dimensions: the way between them depends on the
gas, the temperature and the pressure, so a model gives it as a number of its own.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    dimension: str
    factor: float
    shift: float = 0.0


def _table() -> dict[str, Unit]:
    rows: dict[str, dict[str, float]] = {
        "length": {"m": 1, "km": 1e3, "dm": 0.1, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "ft": 0.3048, "in": 0.0254},
        "speed": {"m/s": 1, "km/h": 1 / 3.6, "kn": 1852 / 3600, "mph": 0.44704, "cm/s": 1e-2},
        "flow": {"m³/s": 1, "m³/h": 1 / 3600, "L/s": 1e-3, "L/min": 1e-3 / 60, "L/h": 1e-3 / 3600},
        "concentration": {"mg/m³": 1, "µg/m³": 1e-3, "g/m³": 1e3},  # in air
        "content": {"mg/L": 1, "µg/L": 1e-3, "g/L": 1e3},  # in water
        "share": {"ppm": 1, "ppb": 1e-3},
        "lel": {"%LEL": 1},
        "obscuration": {"%obs/m": 1, "dB/m": math.nan},
        "percent": {"%": 1, "‰": 0.1},
        "pressure": {"Pa": 1, "hPa": 100, "kPa": 1e3, "MPa": 1e6, "mPa": 1e-3, "bar": 1e5, "mbar": 100, "psi": 6894.757,
                     "mmHg": 133.322, "mH2O": 9806.65},
        "sound": {"dB(A)": 1},
        "signal": {"dBm": 1},
        "angle": {"°": 1, "rad": 180 / math.pi, "mrad": 0.18 / math.pi, "′": 1 / 60, "″": 1 / 3600},
        "current": {"A": 1, "mA": 1e-3, "µA": 1e-6},
        "voltage": {"V": 1, "mV": 1e-3, "kV": 1e3},
        "power": {"W": 1, "kW": 1e3, "mW": 1e-3, "MW": 1e6},
        "energy": {"kWh": 1, "Wh": 1e-3},
        "frequency": {"Hz": 1, "kHz": 1e3, "mHz": 1e-3, "rpm": 1 / 60},
        "time": {"s": 1, "ms": 1e-3, "min": 60, "h": 3600, "d": 86_400},
        "mass": {"kg": 1, "g": 1e-3, "t": 1e3},
        "volume": {"m³": 1, "L": 1e-3},
        "strain": {"µε": 1},
        "turbidity": {"NTU": 1},
        "conductivity": {"µS/cm": 1, "mS/cm": 1e3, "S/m": 1e4},
        "illuminance": {"lx": 1},
        "people": {"人": 1},
        "crowd": {"人/m²": 1},
        "count": {"个": 1},
        "number": {"": 1},
    }  # fmt: skip
    found = {s: Unit(d, f) for d, of in rows.items() for s, f in of.items() if not math.isnan(f)}
    found |= {
        "℃": Unit("temperature", 1.0),
        "K": Unit("temperature", 1.0, -273.15),
        "℉": Unit("temperature", 5 / 9, -160 / 9),
    }
    return found


UNITS: Mapping[str, Unit] = _table()
# Other spellings, after `spelled`. Upper and lower case matter in units; these are the slips that mean one thing only.
ALIASES: Mapping[str, str] = {
    "deg": "°", "degree": "°", "度": "°", "C": "℃", "°C": "℃", "degC": "℃", "摄氏度": "℃", "F": "℉", "°F": "℉",
    "degF": "℉", "dBA": "dB(A)", "分贝": "dB(A)", "%RH": "%", "%VWC": "%", "ug/m³": "µg/m³", "ug/L": "µg/L",
    "ug/l": "µg/L", "mg/l": "mg/L", "µg/l": "µg/L", "uA": "µA", "um": "µm", "米": "m", "毫米": "mm", "厘米": "cm",
    "l/s": "L/s", "l/min": "L/min", "l": "L", "ue": "µε", "uε": "µε", "με": "µε", "µe": "µε", "uS/cm": "µS/cm",
    "us/cm": "µS/cm", "lux": "lx", "ntu": "NTU", "LEL%": "%LEL", "%lel": "%LEL", "persons": "人", "person": "人",
    "人/㎡": "人/m²", "kPA": "kPa", "Mpa": "MPa", "kpa": "kPa", "pa": "Pa", "hpa": "hPa", "kw": "kW", "w": "W",
    "v": "V", "1": "", "-": "", "无": "", "无量纲": "", "pcs": "个", "ea": "个", "knot": "kn", "m.s-1": "m/s",
}  # fmt: skip


def spelled(word: str) -> str:
    """A unit's spelling with one kind of µ, of raised figures and of brackets, and no spaces."""
    out = word.strip().replace(" ", "").replace("（", "(").replace("）", ")").replace("μ", "µ")
    for plain, raised in (("m3", "m³"), ("m^3", "m³"), ("m2", "m²"), ("m^2", "m²"), ("㎡", "m²"), ("㎥", "m³")):
        out = out.replace(plain, raised)
    return unicodedata.normalize("NFC", out)


def find(word: str) -> tuple[str, Unit] | None:
    """(our spelling, unit), or None for one the table does not have."""
    name = spelled(word)
    name = name if name in UNITS else spelled(ALIASES.get(name, name))
    unit = UNITS.get(name)
    return None if unit is None else (name, unit)


def conversion(given: str, ours: str) -> tuple[float, float] | None:
    """(factor, shift) with ours = given * factor + shift; None where the two measure different things.

    Raises KeyError with the spelling that is not in the table.
    """
    theirs, mine = find(given), find(ours)
    if theirs is None or mine is None:
        raise KeyError(given if theirs is None else ours)
    a, b = theirs[1], mine[1]
    if a.dimension != b.dimension:
        return None
    return a.factor / b.factor, (a.shift - b.shift) / b.factor
