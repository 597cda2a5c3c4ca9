"""What the samples come to: medians, ratios within a round, tables, a plot."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from scripts.measure.systems.table import SYSTEMS
from scripts.measure.workloads import Figures

FLOOR: Final = "floor-c"
RATIOS: Final = f"rpush (enqueue), to one by one (enqueue_many), to {FLOOR} (all others)"
COSTS: Final = {"commands": "commands", "reads": "reads", "bytes": "bytes", "cpu": "server CPU, µs"}


@dataclass(frozen=True)
class Sample:
    """One measurement."""

    round: int
    workload: str
    system: str
    figures: Figures


@dataclass(frozen=True)
class Figure:
    """Medians over all rounds. `ratio`: to what it is compared with in the same round, None where that was not measured.

    `least`, `most`: of the ratios.
    """

    median: float
    ratio: float | None = None
    least: float | None = None
    most: float | None = None


def base_of(workload: str, system: str) -> tuple[str, str]:
    """The workload and the system that a figure is compared with."""
    return {"enqueue": ("enqueue", "rpush"), "enqueue_many": ("enqueue", system)}.get(workload, (workload, FLOOR))


def figure(samples: Sequence[Sample], workload: str, system: str, name: str) -> Figure | None:
    """One figure of one system; None, if it was not measured."""
    own, base = of_rounds(samples, workload, system, name), of_rounds(samples, *base_of(workload, system), name)
    ratios = [value / base[turn] for turn, value in own.items() if base.get(turn)]
    if not own:
        return None
    spread = (statistics.median(ratios), min(ratios), max(ratios)) if ratios else ()
    return Figure(statistics.median(own.values()), *spread)


def of_rounds(samples: Iterable[Sample], workload: str, system: str, name: str) -> dict[int, float]:
    """One figure of each round in which it was measured."""
    own = [sample for sample in samples if (sample.workload, sample.system) == (workload, system)]
    return {sample.round: sample.figures[name] for sample in own if name in sample.figures}


def columns(samples: Sequence[Sample]) -> list[tuple[str, str, str]]:
    """Heading, workload and figure of what is shown of speed."""
    workloads = dict.fromkeys(sample.workload for sample in samples)
    speed = [(f"{workload}, jobs/s", workload, "jobs/s") for workload in workloads if workload != "latency"]
    return [*speed, *((f"latency {name}, ms", "latency", name) for name in ("p50", "p99") if "latency" in workloads)]


def summary(samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Speed by system and heading, for JSON."""
    return {
        system: {
            heading: asdict(found) for heading, workload, name in columns(samples) if (found := figure(samples, workload, system, name))
        }
        for system in systems(samples)
    }


def systems(samples: Iterable[Sample]) -> list[str]:
    """Their names, in the order of the table of systems."""
    measured = {sample.system for sample in samples}
    return [name for name in SYSTEMS if name in measured]


def show(samples: Sequence[Sample], console: Console) -> None:
    """Print the tables."""
    rounds = len({sample.round for sample in samples})
    shown = columns(samples)
    speed = Table(title=f"Medians of {rounds} interleaved round(s); in brackets, the ratio to {RATIOS}, in the same round")
    costs = Table(title="What a job costs the server: to enqueue it + to run it")
    speed.add_column("system")
    costs.add_column("system")
    for heading, *_ in shown:
        speed.add_column(heading, justify="right")
    for heading in (*COSTS.values(), "memory while queued, bytes"):
        costs.add_column(heading, justify="right")
    for system in systems(samples):
        speed.add_row(system, *(_speed(figure(samples, workload, system, name)) for _, workload, name in shown))
        costs.add_row(system, *(_cost(samples, system, name) for name in COSTS), _short(_of_drains(samples, system, "memory")))
    console.print(speed)
    console.print(costs)


def plot(samples: Sequence[Sample], path: Path) -> None:
    """Bars of how fast the queues are drained, as ratios to the floor, written to a file (.svg, .png)."""
    from matplotlib import rc_context  # only here: nothing else needs it
    from matplotlib.figure import Figure as Canvas

    drains = [workload for workload in dict.fromkeys(sample.workload for sample in samples) if workload.startswith("drain")]
    names = [system for system in systems(samples) if any(figure(samples, workload, system, "jobs/s") for workload in drains)]
    canvas = Canvas(figsize=(8, 1 + 0.55 * len(names)), layout="constrained")
    axes = canvas.subplots()
    width = 0.8 / max(1, len(drains))
    for place, workload in enumerate(drains):
        found = [figure(samples, workload, system, "jobs/s") for system in names]
        ratios = [(one and one.ratio) or 0.0 for one in found]
        heights = [row + place * width for row in range(len(names))]
        bars = axes.barh(heights, ratios, width, label=f"{workload.removeprefix('drain ')} process(es)")
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
    axes.set_yticks([row + 0.4 - width / 2 for row in range(len(names))], names)
    axes.invert_yaxis()
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel(f"jobs a second, as a ratio to {FLOOR} in the same round")
    axes.legend(fontsize=8)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "exqueue"}):  # small, and the same for the same figures
        canvas.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _of_drains(samples: Sequence[Sample], system: str, name: str) -> float | None:
    """With the fewest processes that were measured."""
    for workload in dict.fromkeys(sample.workload for sample in samples if sample.workload.startswith("drain")):
        if found := figure(samples, workload, system, name):
            return found.median
    return None


def _cost(samples: Sequence[Sample], system: str, name: str) -> str:
    enqueue = figure(samples, "enqueue", system, name)
    return f"{_short(enqueue.median if enqueue else None)} + {_short(_of_drains(samples, system, name))}"


def _speed(found: Figure | None) -> str:
    if found is None:
        return "-"
    return _short(found.median) + (f" ({found.ratio:.{2 if found.ratio >= 0.1 else 3}f})" if found.ratio is not None else "")


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
