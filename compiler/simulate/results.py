"""Tallies → the figures of a report: plain data with stable keys, which is the JSON output as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from compiler.simulate.latency import quantile
from compiler.simulate.plant import Target
from compiler.simulate.tally import OfLine, Tally

QUANTILES = (0.5, 0.9, 0.95, 0.99)
Figures = dict[str, Any]


def figures(tally: Tally, names: Sequence[str], months: Mapping[int, float]) -> Figures:
    """The figures of one run. `months[line]` is by what a line's cost is multiplied to be that of a month."""
    asked, answered = tally.asked(), tally.answered()
    lines = [_line(name, tally.line(at), months.get(at)) for at, name in enumerate(names)]
    known = [line["usd_a_month"] for line in lines if line["usd_a_month"] is not None]
    calls = sum(count * times for count, times in tally.attempts.items())
    tried = sum(tally.attempts.values())
    return {
        "requests": asked,
        "answered": answered,
        "served_percent": _percent(answered, asked),
        "refused": _counts(tally.refusals()),
        "failed": {str(status): count for status, count in sorted(tally.failed().items())},
        "usd": _usd(tally.usd()),
        "usd_a_month": _usd(sum(known)) if known else None,
        "without_price": sum(line.without_price for line in tally.lines),
        "latency_ms": _latencies(tally.latencies()),
        "without_latency": sum(line.without_latency for line in tally.lines),
        "attempts": {
            "mean": round(calls / tried, 4) if tried else None,
            "by_number": {str(number): count for number, count in sorted(tally.attempts.items())},
        },
        "models": _models(tally),
        "failed_calls": _failed_calls(tally),
        "rests": _rests(tally),
        "limits": _limits(tally),
        "lines": lines,
        "refusals": dict(sorted(tally.messages.items())),
    }


def _line(name: str, line: OfLine, month: float | None) -> Figures:
    usd = sum(line.usd)
    return {
        "name": name,
        "requests": line.asked,
        "answered": sum(line.answers),
        "refused": _counts(line.refused),
        "failed": {str(status): count for status, count in sorted(line.failed.items())},
        "usd": _usd(usd),
        "usd_a_month": None if month is None else _usd(usd * month),
        "latency_ms": _latencies(line.latencies),
    }


def _models(tally: Tally) -> list[Figures]:
    """Who answered, by model and provider, the most first."""
    found: dict[tuple[str, str], Figures] = {}
    for target in tally.plant.targets:
        count = sum(line.answers[target.number] for line in tally.lines)
        if count:
            row = found.setdefault(
                (target.model, target.provider),
                {"model": target.model, "provider": target.provider, "answered": 0, "usd": 0.0},
            )
            row["answered"] += count
            row["usd"] = _usd(row["usd"] + sum(line.usd[target.number] for line in tally.lines))
    return sorted(found.values(), key=lambda row: (-row["answered"], row["model"], row["provider"]))


def _failed_calls(tally: Tally) -> list[Figures]:
    targets = tally.plant.targets
    return [
        {"deployment": targets[number].id, **_place(targets[number]), "status": status, "calls": count}
        for (number, status), count in sorted(tally.failures.items())
    ]


def _rests(tally: Tally) -> list[Figures]:
    """How often each deployment began to cool down."""
    targets = tally.plant.targets
    return [
        {"deployment": targets[number].id, **_place(targets[number]), "times": count}
        for number, count in sorted(tally.rests.items())
        if number < len(targets)
    ]


def _limits(tally: Tally) -> list[Figures]:
    targets = tally.plant.targets
    return [
        {
            "deployment": targets[number].id,
            **_place(targets[number]),
            "limit": kind,
            "a_minute": targets[number].rpm if kind == "rpm" else targets[number].tpm,
            "minutes": spent.minutes,
            "turned_away": spent.turned_away,
            "first_s": round(spent.first_s, 3),
        }
        for (number, kind), spent in sorted(tally.limits.items())
    ]


def _place(target: Target) -> Figures:
    return {"model": target.model, "provider": target.provider}


def _latencies(histogram: Sequence[int]) -> Figures:
    found = {f"p{share * 100:g}": quantile(histogram, share) for share in QUANTILES}
    return {name: None if ms is None else round(ms) for name, ms in found.items()}


def _counts(counter: Mapping[str, int]) -> Figures:
    return dict(sorted(counter.items()))


def _percent(part: int, whole: int) -> float | None:
    return round(part / whole * 100, 4) if whole else None


def _usd(usd: float) -> float:
    return round(usd, 6)
