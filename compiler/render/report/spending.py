"""The declared traffic on the page: tables, and the bars that repeat them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog
from compiler.render.report.money import Bill, Month, Sum, by_model, by_provider
from compiler.render.report.tables import Cell, Table, cells, change, left_out, listing, served_by, usd, via
from compiler.runtime.models import Table as RoutingTable
from compiler.traffic import DAYS_A_MONTH, LineCost, Share

MAX_LINES = 50
MAX_BARS = 20
ALL_LINES = "the totals count every line"


@dataclass(frozen=True, slots=True)
class Spending:
    """The tables of the declared traffic."""

    lines: Table
    outages: Table
    models: Table
    providers: Table
    note: str


def spending(catalog: Catalog, table: RoutingTable, bill: Bill) -> Spending:
    models = by_model(bill, table)
    hourly = catalog.observability.hourly_budget_usd
    budget = (
        f"The hourly budget of {usd(hourly)} is {usd(hourly * 24 * DAYS_A_MONTH)} a month." if hourly else ""
    )
    return Spending(
        lines_table(bill, table),
        outages_table(bill),
        models_table(models),
        providers_table(by_provider(models)),
        budget,
    )


def bars(bill: Bill, table: RoutingTable, tones: Mapping[str, int]) -> Mapping[str, Any]:
    """What the charts draw."""
    return {
        "lines": line_bars(bill, table, tones),
        "models": model_bars(by_model(bill, table), tones),
        "months": month_bars(bill),
    }


def lines_table(bill: Bill, table: RoutingTable) -> Table:
    lines = bill.month.lines
    shown = sorted(lines, key=lambda line: -(line.usd_a_month or 0))[:MAX_LINES]
    return Table(
        "A month of the expected traffic, by line",
        ("line", "asks for", "requests a day", "tokens in", "tokens out", "answered by", "USD a month"),
        (*(_line(line, table) for line in shown), _total(bill.month)),
        frozenset({2, 3, 4, 6}),
        left_out(len(lines), len(shown), "lines", ALL_LINES),
    )


def _line(cost: LineCost, table: RoutingTable) -> tuple[Cell, ...]:
    line = cost.line
    asked = [f"strategy {line.strategy}"] if line.strategy else []
    asked += [f"model {line.model}"] if line.model else []
    amount = cost.usd_a_month
    refused = any(share.model is None for share in cost.shares)
    return cells(
        line.name,
        " and ".join(asked) or "the default strategy",
        f"{line.requests_per_day:,.0f}",
        f"{line.prompt_tokens:,.0f}",
        f"{line.completion_tokens:,.0f}",
        "; ".join(_answer(share, table) for share in cost.shares),
        Cell("refused", mark="refused") if refused else _unpriced() if amount is None else Cell(usd(amount)),
    )


def _total(month: Month) -> tuple[Cell, ...]:
    requests = sum(line.line.requests_per_day for line in month.lines)
    missing = f"{month.unpriced}, not counted" if month.unpriced else ""
    total = Cell(usd(month.usd), missing, "refused" if missing else "")
    return cells("all lines", "", f"{requests:,.0f}", "", "", "", total)


def _unpriced() -> Cell:
    return Cell("not known", "the model has no price", "unknown")


def _answer(share: Share, table: RoutingTable) -> str:
    part = "" if share.of == 1 else f"{share.of * 100:g} %: "
    if share.model is None:
        return f"{part}refused"
    return f"{part}{share.model} ({via(served_by(table, share.decision, share.model)[:1])})"


def outages_table(bill: Bill) -> Table:
    return Table(
        "The same month while a provider is down",
        ("down", "USD a month", "change", "lines that move"),
        (
            cells("none", Cell(usd(bill.month.usd), bill.month.unpriced), "", "none"),
            *(_outage(bill, month) for month in bill.outages),
        ),
        frozenset({1, 2}),
        bill.left_out,
    )


def _outage(bill: Bill, month: Month) -> tuple[Cell, ...]:
    pairs = zip(bill.month.lines, month.lines, strict=True)
    moved = [f"{new.line.name} to {_models(new)}" for old, new in pairs if _models(old) != _models(new)]
    lost = month.unpriced if month.unpriced != bill.month.unpriced else ""
    return cells(
        str(month.down),
        Cell(usd(month.usd), lost, "refused" if lost else ""),
        change(bill.month.usd, month.usd),
        listing(moved) or "none",
    )


def _models(cost: LineCost) -> str:
    return " and ".join(dict.fromkeys(share.model or "a refusal" for share in cost.shares))


def models_table(rows: Sequence[Sum]) -> Table:
    columns = ("model", "provider", "requests a month", "USD a month", "share")
    shown = tuple(cells(row.name, row.provider, *_sums(row, rows)) for row in rows[:MAX_LINES])
    more = left_out(len(rows), len(shown), "models", ALL_LINES)
    return Table("The same month, by model", columns, shown, frozenset({2, 3, 4}), more)


def providers_table(rows: Sequence[Sum]) -> Table:
    columns = ("provider", "requests a month", "USD a month", "share")
    shown = tuple(cells(row.name, *_sums(row, rows)) for row in rows[:MAX_LINES])
    more = left_out(len(rows), len(shown), "providers", ALL_LINES)
    return Table("The same month, by provider", columns, shown, frozenset({1, 2, 3}), more)


def _sums(row: Sum, rows: Sequence[Sum]) -> tuple[str, str, str]:
    total = sum(one.usd for one in rows)
    return f"{row.requests:,.0f}", usd(row.usd), f"{row.usd / total * 100:.1f} %" if total else ""


def line_bars(bill: Bill, table: RoutingTable, tones: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """The dearest first; a line on two models has the colour of the one that most of it goes to."""
    found = []
    for cost in sorted(bill.month.lines, key=lambda line: -(line.usd_a_month or 0))[:MAX_BARS]:
        most = max(cost.shares, key=lambda share: share.of)
        tone = tones[table["models"][most.model]["providers"][0]] if most.model else None
        amount = cost.usd_a_month
        text = (
            usd(amount)
            if amount is not None
            else "refused"
            if not all(s.model for s in cost.shares)
            else "not known"
        )
        found.append(_bar(cost.line.name, _models(cost), amount, text, tone))
    return found


def model_bars(rows: Sequence[Sum], tones: Mapping[str, int]) -> list[Mapping[str, Any]]:
    return [
        _bar(row.name, row.provider, row.usd, usd(row.usd), tones.get(row.provider.partition(" or ")[0]))
        for row in rows[:MAX_BARS]
    ]


def month_bars(bill: Bill) -> list[Mapping[str, Any]]:
    """As it is, and with each provider down."""
    rows = [_bar("none down", bill.month.unpriced, bill.month.usd, usd(bill.month.usd), None)]
    for month in bill.outages[: MAX_BARS - 1]:
        text = f"{usd(month.usd)}, {change(bill.month.usd, month.usd)}"
        rows.append(_bar(f"{month.down} down", month.unpriced, month.usd, text, None))
    return rows


def _bar(label: str, note: str, amount: float | None, text: str, tone: int | None) -> Mapping[str, Any]:
    return {"label": label, "note": note, "usd": round(amount or 0, 4), "text": text, "tone": tone}
