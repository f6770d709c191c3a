"""`interlock simulate`: what becomes of the traffic when something happens."""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Any, Self

import click

from compiler import reporters
from compiler.catalog import Catalog
from compiler.commands.common import as_of_option, exit_code, known, one_catalog, show
from compiler.pipeline import validate
from compiler.simulate.arrivals import DAY_S, HOUR_S
from compiler.simulate.log import Log, lines_of
from compiler.simulate.run import NothingToPlayError, Run, play_log, play_traffic
from compiler.simulate.scenario import Scenario
from compiler.simulate.scenario_words import Said, ScenarioError, said_in, scenario_of
from compiler.simulate.text import as_markdown, as_text
from compiler.source import Document, read

_BAR_FROM = 100_000  # requests
_BAR_FROM_BYTES = 50_000_000  # of a log
_WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "json": lambda report: json.dumps(report, indent=2),
}


@click.command("simulate")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--log", "log_file", type=click.File("rb"), metavar="FILE",
              help="Play a JSONL log instead of `traffic`; - reads stdin.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(0, 1e6, min_open=True), default=1.0, show_default=True,
              help="Requests a second of a log without times.")  # fmt: skip
@click.option("--hours", type=click.FloatRange(0, 1e5, min_open=True), metavar="N",
              help="Play that long (default: 24).")  # fmt: skip
@click.option("--requests", "most", type=click.IntRange(1, 10**10), metavar="N",
              help="Play that many, at the declared rate, however long it takes.")  # fmt: skip
@click.option("--spread", type=click.FloatRange(0, 2), default=0.6, show_default=True,
              help="How much sizes vary around a line's averages; 0: not at all.")  # fmt: skip
@click.option("--scenario", "scenario_file", type=click.Path(path_type=Path), metavar="FILE",
              help="A YAML file with the words below; flags are added to it.")  # fmt: skip
@click.option("--down", multiple=True, metavar="PROVIDER[@FROM..TO]",
              help="A provider refuses connections.")  # fmt: skip
@click.option("--errors", multiple=True, metavar="NAME=PERCENT[:STATUS][@FROM..TO]",
              help="Calls of a provider or model fail, with 503, that status, or `timeout`.")  # fmt: skip
@click.option("--slow", multiple=True, metavar="NAME=FACTORx[@FROM..TO]",
              help="Answers of a provider or model take longer.")  # fmt: skip
@click.option("--price", multiple=True, metavar="MODEL=input:USD,output:USD",
              help="Another price, or a factor such as 2x.")  # fmt: skip
@click.option("--rpm", multiple=True, metavar="MODEL=N",
              help="Another limit of calls a minute: N, a factor, or off.")  # fmt: skip
@click.option("--tpm", multiple=True, metavar="MODEL=N",
              help="Another limit of tokens a minute.")  # fmt: skip
@click.option("--limits", type=click.Choice(["on", "off"]), help="Whether rpm and tpm hold.")
@click.option("--growth", metavar="FACTORx", help="So many times the requests.")
@click.option("--gateway", metavar="NAME", help="The gateway that is asked (default: a router).")
@click.option("--replicas", type=click.IntRange(1, 1000), default=1, show_default=True,
              help="Processes, each of which learns of failures by itself.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other luck.")
@click.option("--fail-under-served", type=click.FloatRange(0, 100), metavar="PERCENT",
              help="Exit with 1 when a smaller share is served.")  # fmt: skip
@as_of_option
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text",
              show_default=True, help="For people, programs or a pull request.")  # fmt: skip
def command(  # one parameter an option
    file: Path | None, log_file: IO[bytes] | None, rate: float, hours: float | None, most: int | None,
    spread: float, scenario_file: Path | None, gateway: str | None, replicas: int, seed: int,
    fail_under_served: float | None, as_of: str | None, style: str, **words: Any,
) -> None:  # fmt: skip
    """Play traffic through the routes in virtual time: who answers, what fails, what it costs.

    Plays the catalog's `traffic`, or a log, as things stand and, beside it, under a scenario. Times are
    counted from the first request: 90s, 10m, 1h30m.

    \b
    Example:
      interlock simulate catalog/gateway.yaml --down openai@1h..2h
      interlock simulate catalog/gateway.yaml --log requests.jsonl --errors anthropic=5%:429
      interlock simulate catalog/gateway.yaml --growth 3x --fail-under-served 99.9
    """  # noqa: D301
    catalog = _catalog(file, as_of, style)
    known("--gateway", (gateway,) if gateway else (), catalog.gateways)
    asked = catalog.gateways[gateway] if gateway else catalog.front
    scenario = _scenario(scenario_file, words, catalog)
    _consistent(catalog, log_file, hours, most)
    run = Run(catalog, asked, scenario, replicas, seed)
    try:
        report = (
            _played_log(run, log_file, rate, most) if log_file else _played_traffic(run, spread, hours, most)
        )
    except NothingToPlayError as error:
        raise click.ClickException(str(error)) from None
    click.echo(_WRITERS[style](report))
    _judge(report, fail_under_served)


def _catalog(file: Path | None, as_of: str | None, style: str) -> Catalog:
    outcome = validate(one_catalog(file), as_of=as_of)
    if outcome.catalog is None:
        show([outcome], "json" if style == "json" else "text")
        sys.exit(exit_code(outcome.diagnostics))
    if not outcome.ok:
        count = reporters.summary(outcome.diagnostics, 1)
        click.echo(f"this catalog does not compile ({count}): `interlock validate` says why", err=True)
    return outcome.catalog


def _consistent(catalog: Catalog, log: Any, hours: float | None, most: int | None) -> None:
    if log and hours is not None:
        raise click.UsageError("--hours is for declared traffic: a log has times of its own (or --rate)")
    if hours is not None and most is not None:
        raise click.UsageError("--hours and --requests both say when to end: give one")
    if not log and not any(line.requests_per_day for line in catalog.traffic):
        raise click.UsageError("the catalog declares no `traffic`: add lines to it, or play a log with --log")


def _scenario(file: Path | None, words: dict[str, Any], catalog: Catalog) -> Scenario:
    said = _from_file(file) if file else Said()
    for word, texts in words.items():
        said.add(word, (texts,) if isinstance(texts, str) else texts or ())
    try:
        return scenario_of(said, catalog)
    except ScenarioError as error:
        raise click.BadParameter(str(error), param_hint=f"--{error.word}") from None


def _from_file(file: Path) -> Said:
    found = read(file)
    if not isinstance(found, Document):
        raise click.BadParameter(f"{file}: {found.message}", param_hint="--scenario")
    try:
        return said_in(found.data)
    except ScenarioError as error:
        where = f"{file}: {error.word}" if error.word else str(file)
        raise click.BadParameter(f"{where}: {error}", param_hint="--scenario") from None


def _played_traffic(run: Run, spread: float, hours: float | None, most: int | None) -> dict[str, Any]:
    seconds = (hours or 24) * HOUR_S
    length = most or int(sum(line.requests_per_day for line in run.catalog.traffic) / DAY_S * seconds)
    with _Bar(length, shown=length >= _BAR_FROM) as bar:
        return play_traffic(run, spread, seconds=seconds, most=most, progress=bar.at)


def _played_log(run: Run, file: IO[bytes], rate: float, most: int | None) -> dict[str, Any]:
    name = str(getattr(file, "name", "<stdin>"))
    size = Path(name).stat().st_size if Path(name).is_file() else 0
    name = "stdin" if name == "<stdin>" else name
    log = Log(run.table, name, seed=run.seed, rate=rate)
    with _Bar(size, shown=size >= _BAR_FROM_BYTES) as bar:
        report = play_log(run, log, islice(log.requests(lines_of(file)), most), progress=bar.at)
    for line in log.account.shown:
        click.echo(line, err=True)
    rest = sum(log.account.bad.values()) - len(log.account.shown)
    if rest > 0:
        click.echo(f"and {rest:,} more lines that cannot be played", err=True)
    return report


class _Bar:
    """A progress bar on a terminal, and nothing anywhere else."""

    def __init__(self, length: int, *, shown: bool) -> None:
        self._stack = ExitStack()
        self._length = length
        self._bar: Any = None
        self._is_shown = shown and sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._is_shown:
            self._bar = self._stack.enter_context(
                click.progressbar(length=self._length, label="simulating", file=sys.stderr)
            )
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:
            self.at(self._length)
        self._stack.close()

    def at(self, place: int) -> None:
        if self._bar is not None:
            self._bar.update(min(place, self._length) - self._bar.pos)


def _judge(report: dict[str, Any], least: float | None) -> None:
    run = report["scenario"] or report["baseline"]
    served = run["answered"] / run["requests"] * 100 if run["requests"] else 0.0
    if least is not None and served < least:
        click.echo(f"served {served:.4f} %, less than {least:g} %", err=True)
        sys.exit(1)
