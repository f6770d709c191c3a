"""`interlock explain`: the route of a request, decided by the very function that runs in the proxy."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from compiler import reporters
from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway
from compiler.commands.common import (
    as_of_option,
    exit_code,
    known,
    one_catalog,
    show,
    text_or_json_option,
)
from compiler.explaining import Question, as_data, as_text, explain, outages_as_data, outages_as_text
from compiler.matrix import outage_matrix
from compiler.pipeline import today, validate
from compiler.runtime.access import strategy_names
from compiler.table import RoutingTable, routing_table

_LISTS = ("providers", "exclude_providers", "capabilities")
_HEADER = "x-routing-strategy"


@click.command("explain")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--request", "source", type=click.File("rb"), metavar="FILE",
              help="A JSON request body; - reads stdin.")  # fmt: skip
@click.option("-s", "--strategy", metavar="NAME", help="As `routing_strategy`.")
@click.option("-m", "--model", metavar="NAME", help="As `model`: pins it, or `auto/<strategy>`.")
@click.option("-r", "--require", "required", multiple=True, metavar="KEY=VALUE",
              help="One of `requirements`; the value is JSON or text.")  # fmt: skip
@click.option("--user", metavar="NAME", help="As `user`: who asks, which decides about a canary.")
@click.option("--prompt-tokens", type=click.IntRange(0, 10**8), help="A prompt of about this size.")
@click.option("--max-tokens", type=click.IntRange(1, 10**8), help="As `max_tokens`.")
@click.option("-H", "--header", metavar="NAME:VALUE", help=f"The header {_HEADER}, as curl takes it.")
@click.option("--mode", type=click.Choice(["chat", "completion", "embedding"]),
              help="What the endpoint is for (default: by the request).")  # fmt: skip
@click.option("--down", multiple=True, metavar="PROVIDER", help="A provider that is not there.")
@click.option("--key-models", multiple=True, metavar="NAME,NAME",
              help="What the client's key may use: models, and strategies as auto/<strategy>.")  # fmt: skip
@click.option("--outages", is_flag=True, help="Instead of a request: who answers while a provider is down.")
@click.option("--gateway", "asked", metavar="NAME", help="The gateway that is asked (default: a router).")
@as_of_option
@text_or_json_option
def command(  # one parameter an option
    file: Path | None, source: Any, strategy: str | None, model: str | None, required: tuple[str, ...],
    user: str | None, prompt_tokens: int | None, max_tokens: int | None, header: str | None, mode: str | None,
    down: tuple[str, ...], key_models: tuple[str, ...], outages: bool, asked: str | None, as_of: str | None,
    style: str,
) -> None:  # fmt: skip
    """Show the route of a request: every candidate in order, why it won or lost, what it costs.

    Exits with 1 when the gateway would refuse the request.

    \b
    Example:
      interlock explain catalog/current.yaml --strategy long_context --require min_context_window=500000
      interlock explain catalog/foundational-models.yaml --model gemini-1.5-pro-001 --down vertex-ai
      interlock explain catalog/current.yaml --key-models auto/fast,gpt-5.6 --header x-routing-strategy:fast
      echo '{"routing_strategy": "fast"}' | interlock explain catalog/current.yaml --request -
      interlock explain catalog/current.yaml --outages
    """  # noqa: D301
    if outages:
        _alone(click.get_current_context())
    catalog = _catalog(file, as_of, style)
    gateway = _gateway(catalog, asked)
    table = routing_table(catalog, gateway)
    if outages:
        _show_outages(table, style)
        return
    known("--down", down, catalog.providers)
    flags = {"routing_strategy": strategy, "model": model, "user": user, "max_tokens": max_tokens}
    question = Question(
        _request(source, flags, required), mode, _strategy_of(header), _allowed(key_models, table), down,
        prompt_tokens,
    )  # fmt: skip
    explanation = explain(catalog, gateway, question)
    if style == "json":
        click.echo(json.dumps(as_data(explanation), indent=2))
    else:
        click.echo(as_text(explanation, as_of or today()))
    sys.exit(1 if explanation.decision.refusal else 0)


def _alone(context: click.Context) -> None:
    """`--outages` asks about every strategy: what describes one request has no place beside it."""
    beside = ("file", "outages", "asked", "as_of", "style")
    for option in context.command.params:
        if option.name not in beside and context.params.get(str(option.name)) not in (None, (), False):
            raise click.UsageError(
                f"{option.opts[-1]} describes one request, and --outages asks about a plain one of each "
                "strategy: leave one of them out"
            )


def _catalog(file: Path | None, as_of: str | None, style: str) -> Catalog:
    outcome = validate(one_catalog(file), as_of=as_of)
    if outcome.catalog is None:
        show([outcome], style)
        sys.exit(exit_code(outcome.diagnostics))
    if not outcome.ok:
        count = reporters.summary(outcome.diagnostics, 1)
        click.echo(f"this catalog does not compile ({count}): `interlock validate` says why", err=True)
    return outcome.catalog


def _gateway(catalog: Catalog, name: str | None) -> Gateway:
    if name is None:
        return catalog.front
    known("--gateway", (name,), catalog.gateways)
    return catalog.gateways[name]


def _show_outages(table: RoutingTable, style: str) -> None:
    matrix = outage_matrix(table)
    if style == "json":
        click.echo(json.dumps(outages_as_data(matrix), indent=2))
    else:
        click.echo(outages_as_text(matrix, shutil.get_terminal_size((100, 24)).columns))


def _strategy_of(header: str | None) -> str | None:
    """The value of `x-routing-strategy`."""
    if header is None:
        return None
    name, colon, value = header.partition(":")
    if name.strip().lower() != _HEADER or not colon:
        raise click.BadParameter(
            f"{header!r}: no header decides about a route but `{_HEADER}: <strategy>`", param_hint="--header"
        )
    return value.strip() or None


def _allowed(key_models: tuple[str, ...], table: RoutingTable) -> frozenset[str] | None:
    if not key_models:
        return None
    names = [name.strip() for text in key_models for name in text.split(",") if name.strip()]
    known("--key-models", names, [*table["models"], *strategy_names(table)])
    return frozenset(names)


def _request(source: Any, flags: dict[str, Any], required: tuple[str, ...]) -> Any:
    """The JSON body: from the file, then what the flags say on top."""
    body = _read(source) if source else {}
    if required:
        flags["requirements"] = dict(_pair(text) for text in required)
    flags = {key: value for key, value in flags.items() if value is not None}
    return {**body, **flags} if isinstance(body, dict) else body


def _read(source: Any) -> Any:
    try:
        return json.loads(source.read())
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"the request is not JSON: {error}") from None


def _pair(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--require")
    try:
        return key, json.loads(value)
    except ValueError:
        # `--require providers=openai,anthropic` spares the quotes of a JSON list.
        return key, value.split(",") if key in _LISTS else value
