"""One table for every benchmark: `figure | ours | peer | ratio | goal | met`.

A ratio says how many times better ours is than the peer, measured in the same run; 1.0 is a draw.
Absolute times differ from machine to machine and are printed only to make the ratio plausible.

    python tests/benchmarks/table.py AREA [--json FILE] [--only WORD,WORD]
"""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HERE = pathlib.Path(__file__).parent

_only: list[str] = []
_meant: set[str] = set()


@dataclass(frozen=True)
class Figure:
    """One comparison; `goal` is the ratio wanted, None where the figure is only informative."""

    figure: str
    ours: float
    peer: float
    peer_name: str
    goal: float | None = None
    lower_is_better: bool = True

    @property
    def ratio(self) -> float:
        """How many times better ours is."""
        better, worse = (self.ours, self.peer) if self.lower_is_better else (self.peer, self.ours)
        return worse / better if better else float("inf")

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, or None without a goal."""
        return None if self.goal is None else self.ratio >= self.goal

    def row(self) -> dict[str, object]:
        """Return the figure as the JSON file holds it."""
        return {
            "figure": f"{self.figure} (against {self.peer_name})",
            "ours": self.ours,
            "peer": self.peer,
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "met": self.met,
        }


def alternate(
    ours: Callable[[], float], peer: Callable[[], float], rounds: int = 5
) -> tuple[float, float]:
    """Measure both in turn, so that a drift of the machine hits both; return their medians."""
    ours(), peer()  # warm up
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def timed(work: Callable[[], object], times: int) -> float:
    """Return the mean seconds of one call."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times


def show(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """Print the table row by row, and return its rows."""
    rows = [figure.row() for figure in figures]
    print("figure | ours | peer | ratio | goal | met")
    for row in rows:
        print(
            " | ".join(
                f"{v:.4g}" if isinstance(v, float) else "-" if v is None else str(v)
                for v in row.values()
            )
        )
    return rows


def picked(names: list[str]) -> list[str]:
    """Return the names that a word of `--only` begins; all of them, when no word does."""
    begun = {word for word in _only if any(name.casefold().startswith(word) for name in names)}
    _meant.update(begun)
    return [name for name in names if name.casefold().startswith(tuple(begun))] or names


def areas() -> list[str]:
    """Return the areas that have figures."""
    return sorted(path.parent.name for path in HERE.glob("*/figures.py"))


def main() -> None:
    """Run one area."""
    parser = argparse.ArgumentParser(description="Compare a component with its peers.")
    parser.add_argument("area", choices=areas())
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--only", default="", metavar="WORD,WORD", help="for areas that pick")
    chosen = parser.parse_args()
    _only.extend(filter(None, chosen.only.casefold().split(",")))
    sys.path[:0] = [str(HERE), str(HERE / chosen.area)]
    rows = show(importlib.import_module("figures").measure())
    if missed := [word for word in _only if word not in _meant]:
        parser.error(f"--only: nothing that was measured begins with {', '.join(missed)}")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    sys.modules["table"] = sys.modules["__main__"]
    main()
