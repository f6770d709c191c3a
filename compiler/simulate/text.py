"""The figures for people: what matters first, baseline and scenario side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from compiler.simulate.results import Figures

Cells = Sequence[str]
_MOST_ROWS = 15  # of a table that grows with the catalog or the log


def as_text(report: Mapping[str, Any]) -> str:
    """The report of `compiler.commands.simulate` for a terminal."""
    runs = _runs(report)
    parts = [_head(report), _columns(_summary(runs), runs)]
    for title, rows in _tables(runs):
        if rows:
            parts.append(f"{title}\n" + _columns(rows, runs))
    parts += _notes(report, runs)
    return "\n\n".join(parts)


def as_markdown(report: Mapping[str, Any]) -> str:
    """The same for a pull-request comment: the summary, and the rest folded."""
    runs = _runs(report)
    parts = [_head(report).replace("\n", "  \n"), _pipes("", _summary(runs), runs)]
    for title, rows in _tables(runs):
        if rows:
            table = _pipes(title, rows, runs)
            parts.append(f"<details><summary>{title}</summary>\n\n{table}\n\n</details>")
    parts += [note.replace("\n", "  \n") for note in _notes(report, runs)]
    return "\n\n".join(parts)


def _runs(report: Mapping[str, Any]) -> dict[str, Figures]:
    both = {"baseline": report["baseline"], "scenario": report["scenario"]}
    return {name: run for name, run in both.items() if run is not None}


def _head(report: Mapping[str, Any]) -> str:
    played = f"{report['requests']:,} requests over {duration(report['seconds'])}"
    lines = [f"{played}, {report['source']}, seed {report['seed']}"]
    words = report["scenario_words"]
    lines.append(f"scenario: {', '.join(words)}" if words else "no scenario: as the catalog stands")
    return "\n".join(lines)


def _summary(runs: Mapping[str, Figures]) -> list[Cells]:
    rows: list[Cells] = [
        ("served", *(_share(run["served_percent"]) for run in runs.values())),
        ("answered", *(f"{run['answered']:,}" for run in runs.values())),
        ("refused", *(f"{sum(run['refused'].values()):,}" for run in runs.values())),
        ("failed", *(f"{sum(run['failed'].values()):,}" for run in runs.values())),
        ("cost", *(_usd(run["usd"]) for run in runs.values())),
        ("cost a month", *_months(runs)),
    ]
    rows += [
        (f"latency {name}", *(_ms(run["latency_ms"][name]) for run in runs.values()))
        for name in ("p50", "p90", "p95", "p99")
    ]
    means = [run["attempts"]["mean"] for run in runs.values()]
    rows.append(("calls a request", *("-" if mean is None else f"{mean:.3f}" for mean in means)))
    return rows


def _months(runs: Mapping[str, Figures]) -> list[str]:
    cells = [_usd(run["usd_a_month"]) for run in runs.values()]
    usd = [run["usd_a_month"] for run in runs.values()]
    if len(usd) == 2 and all(usd):
        change = (usd[1] / usd[0] - 1) * 100
        cells[1] += f" ({change:+.1f} %)" if abs(change) >= 0.05 else ""
    return cells


def _tables(runs: Mapping[str, Figures]) -> Iterable[tuple[str, list[Cells]]]:
    yield "answered by", _joined(runs, "models", _by_model, lambda row: f"{row['answered']:,}")
    yield "refused", _keyed(runs, "refused")
    yield "failed, by the last provider's status", _keyed(runs, "failed")
    yield "failed calls", _joined(runs, "failed_calls", _by_status, lambda row: f"{row['calls']:,}")
    yield "cooled down", _joined(runs, "rests", _by_model, lambda row: f"{row['times']:,} times")
    yield "limits reached", _joined(runs, "limits", _by_limit, _reached)
    lines = _joined(runs, "lines", lambda row: str(row["name"]), _line)
    yield "lines: answered of requests, cost a month", lines


def _by_model(row: Figures) -> str:
    return f"{row['model']} ({row['provider']})"


def _by_status(row: Figures) -> str:
    return f"{row['model']} ({row['provider']}): {row['status']}"


def _by_limit(row: Figures) -> str:
    return f"{row['model']} ({row['provider']}): {row['limit']} {row['a_minute']:,}"


def _reached(row: Figures) -> str:
    first = duration(row["first_s"])
    return f"{row['turned_away']:,} calls in {row['minutes']:,} min, from {first}"


def _line(row: Figures) -> str:
    month = "" if row["usd_a_month"] is None else f", {_usd(row['usd_a_month'])}"
    return f"{row['answered']:,} of {row['requests']:,}{month}"


def _joined(
    runs: Mapping[str, Figures], key: str, name: Callable[[Figures], str], cell: Callable[[Figures], str]
) -> list[Cells]:
    """Rows of the same name side by side, in the order of the runs."""
    found: dict[str, dict[str, str]] = {}
    for run, of_run in runs.items():
        for row in of_run[key]:
            found.setdefault(name(row), {})[run] = cell(row)
    return _shortened([(label, *(cells.get(run, "0") for run in runs)) for label, cells in found.items()])


def _keyed(runs: Mapping[str, Figures], key: str) -> list[Cells]:
    names = sorted({name for run in runs.values() for name in run[key]})
    return _shortened([(name, *(f"{run[key].get(name, 0):,}" for run in runs.values())) for name in names])


def _shortened(rows: list[Cells]) -> list[Cells]:
    if len(rows) <= _MOST_ROWS:
        return rows
    blank = [""] * (len(rows[0]) - 1)
    return [*rows[:_MOST_ROWS], (f"and {len(rows) - _MOST_ROWS} more (--format json has them)", *blank)]


def _notes(report: Mapping[str, Any], runs: Mapping[str, Figures]) -> list[str]:
    last = list(runs.values())[-1]
    notes = [f"refused ({code}): {message}" for code, message in last["refusals"].items()]
    if last["without_price"]:
        notes.append(f"{last['without_price']:,} answers have no known price and are not in the cost")
    if last["without_latency"]:
        notes.append(
            f"{last['without_latency']:,} answers are of models without `latency_ms`: not in latencies"
        )
    return ["\n".join(notes + list(report["notes"]))] if notes or report["notes"] else []


def _columns(rows: Sequence[Cells], runs: Mapping[str, Figures]) -> str:
    table = [("", *runs), *rows] if len(runs) > 1 else rows
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    return "\n".join(
        (
            f"  {row[0]:<{widths[0]}}" + "".join(f"  {cell:>{width}}" for cell, width in _placed(row, widths))
        ).rstrip()
        for row in table
    )


def _placed(row: Cells, widths: Sequence[int]) -> Iterable[tuple[str, int]]:
    return zip(row[1:], widths[1:], strict=True)


def _pipes(title: str, rows: Sequence[Cells], runs: Mapping[str, Figures]) -> str:
    head = [title, *runs]
    lines = [head, ["---", *("---:" for _ in runs)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def duration(seconds: float) -> str:
    """`1d 2h`, `2h 5m`, `3m 20s`, `4.5s`."""
    if seconds < 60:
        return f"{seconds:.3g}s"
    whole = int(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    first = next(at for at, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number}{unit}" for number, unit in parts[first : first + 2] if number)


def _share(percent: float | None) -> str:
    """Not 100 % where a single request was not served."""
    if percent is None:
        return "-"
    return f"{percent:.2f} %" if percent == 100 else f"{min(percent, 99.9999):.4f} %"


def _usd(usd: float | None) -> str:
    if usd is None:
        return "-"
    return f"${usd:,.2f}" if usd >= 1 or not usd else f"${usd:.6f}"


def _ms(ms: int | None) -> str:
    return "-" if ms is None else f"{ms:,} ms"
