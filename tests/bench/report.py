"""The lines of a run: a figure, what it must be, what is aimed at, and its ratio to something of the same run."""

import sys


class Report:
    """Prints rows as they come and remembers which were missed."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def row(self, name: str, figure: str, *, met: bool, must: str, aim: str, ratio: str) -> None:
        print(
            f"{name:<58} {figure:>18}   must {must:<10} aim {aim:<10} {'ok ' if met else 'MISSED'}  {ratio}", flush=True
        )
        if not met:
            self.failed.append(name)

    def latency(self, name: str, p50: float, p99: float, *, must, aim, ratio: str) -> None:
        """Milliseconds."""
        self.row(
            name,
            f"{p50:.2f} / {p99:.2f} ms",
            met=p50 <= must[0] and p99 <= must[1],
            must=f"{must[0]}/{must[1]:.0f}",
            aim=f"{aim[0]}/{aim[1]}",
            ratio=ratio,
        )

    def rate(self, name: str, rate: float, *, must: int, aim: int, ratio: str) -> None:
        """A second."""
        self.row(name, f"{rate:.0f} /s", met=rate >= must, must=str(must), aim=str(aim), ratio=ratio)

    def close(self) -> None:
        """End the program with an error when a row was missed."""
        if self.failed:
            sys.exit("missed: " + "; ".join(self.failed))
