"""`interlock explain`: the route of a request, decided by the very function that runs in the proxy."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from compiler import reporters
from compiler.commands.common import (
    as_of_option,
    exit_code,
    known,
    one_catalog,
    show,
    text_or_json_option,
)
from compiler.pipeline import Outcome, validate
from compiler.runtime.decision import Decision, decide
from compiler.table import routing_table


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
@click.option(
    "--mode", type=click.Choice(["chat", "completion", "embedding"]), default="chat", show_default=True
)
@click.option("--down", multiple=True, metavar="PROVIDER", help="A provider that is not there.")
@click.option("--gateway", metavar="NAME", help="The gateway that is asked (default: a router).")
@as_of_option
@text_or_json_option
def command(  # one parameter an option
    file: Path | None, source: Any, strategy: str | None, model: str | None, required: tuple[str, ...],
    user: str | None, prompt_tokens: int | None, max_tokens: int | None, mode: str, down: tuple[str, ...],
    gateway: str | None, as_of: str | None, style: str,
) -> None:  # fmt: skip
    """Show the route of a request: every candidate in order, and why each other one lost.

    Exits with 1 when the gateway would refuse the request.

    \b
    Example:
      interlock explain catalog/current.yaml --strategy long_context --require min_context_window=500000
      interlock explain catalog/foundational-models.yaml --model gemini-1.5-pro-001 --down vertex-ai
      echo '{"routing_strategy": "fast"}' | interlock explain catalog/current.yaml --request -
    """  # noqa: D301
    outcome = validate(one_catalog(file), as_of=as_of)
    if outcome.catalog is None:
        show([outcome], style)
        sys.exit(exit_code(outcome.diagnostics))
    if not outcome.ok:
        count = reporters.summary(outcome.diagnostics, 1)
        click.echo(f"this catalog does not compile ({count}): `interlock validate` says why", err=True)
    table = _table(outcome, gateway)
    known("--down", down, outcome.catalog.providers)
    flags = {"routing_strategy": strategy, "model": model, "user": user, "max_tokens": max_tokens}
    request = _request(source, flags, required, prompt_tokens)
    decision = decide(table, request, mode=mode, down=frozenset(down))
    click.echo(_as_json(decision) if style == "json" else _as_text(decision, table))
    sys.exit(1 if decision.refusal else 0)


def _table(outcome: Outcome, gateway: str | None) -> dict[str, Any]:
    catalog = outcome.catalog
    assert catalog is not None  # noqa: S101  # the caller looked
    if gateway is not None:
        known("--gateway", (gateway,), catalog.gateways)
        return routing_table(catalog, catalog.gateways[gateway])
    return routing_table(catalog, catalog.front)


def _request(source: Any, flags: dict[str, Any], required: tuple[str, ...], prompt_tokens: int | None) -> Any:
    """The JSON body: from the file, then what the flags say on top."""
    body = _read(source) if source else {}
    if required:
        flags["requirements"] = dict(_pair(text) for text in required)
    if prompt_tokens is not None:
        flags["messages"] = [{"role": "user", "content": _filler(prompt_tokens)}]
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
        return key, value.split(",") if key in ("providers", "exclude_providers", "capabilities") else value


def _filler(tokens: int) -> str:
    """Text that the estimate takes for about this many tokens, its margin included."""
    from compiler.runtime.request import BYTES_PER_TOKEN, MARGIN_PERCENT, TOKENS_PER_MESSAGE

    exact = tokens * 100 / (100 + MARGIN_PERCENT) - TOKENS_PER_MESSAGE - len("user") / BYTES_PER_TOKEN
    return "x" * max(0, int(exact * BYTES_PER_TOKEN))


def _as_text(decision: Decision, table: dict[str, Any]) -> str:
    lines = [*_asked(decision), *_on_trial(decision, table), ""]
    if decision.route:
        lines.append("route: " + " → ".join(decision.route))
    elif decision.refusal:
        lines.append(f"refused (HTTP 400, {decision.refusal.code}): {decision.refusal.message}")
    if decision.candidates:
        width = max(len(candidate.model) for candidate in decision.candidates)
        lines.append("")
    for candidate in decision.candidates:
        row = table["models"][candidate.model]
        cost = "price not known" if candidate.cost_usd is None else f"about ${candidate.cost_usd:.6f}"
        place = _place(decision, candidate.model, candidate.reasons)
        lines.append(
            f"  {place:<3} {candidate.model:<{width}}  {_by(decision, candidate.model, row)}  {cost}"
        )
        lines += [f"      {' ' * width}  - {reason}" for reason in candidate.reasons]
    return "\n".join(lines)


def _by(decision: Decision, model: str, row: dict[str, Any]) -> str:
    """The providers that may answer: of a model of the route, those of the deployments that are left."""
    ids = [one for level in decision.upstreams.get(model, ()) for one in level]
    rows = [deployment for deployment in row["deployments"] if deployment["id"] in ids] or row["deployments"]
    return ", ".join(dict.fromkeys(name for deployment in rows for name in deployment["providers"]))


def _on_trial(decision: Decision, table: dict[str, Any]) -> list[str]:
    canary = table["strategies"].get(decision.strategy, {}).get("canary")
    if canary is None or decision.pinned:
        return []
    among = "is" if decision.reason == "canary" else "is not"
    share = f"{canary['model']} goes first for {canary['percent']:g} % of users or conversations"
    return [f"canary: {share}; this one {among} among them"]


def _place(decision: Decision, model: str, reasons: tuple[str, ...]) -> str:
    if reasons:
        return "✗"
    return f"{decision.route.index(model) + 1}." if model in decision.route else "-"


def _asked(decision: Decision) -> list[str]:
    needs = decision.needs
    asked = [
        f"strategy {decision.strategy}" if decision.strategy else "",
        f"pinned {decision.pinned}" if decision.pinned else "",
    ]
    size = f"prompt about {needs.prompt_tokens} tokens"
    answer = f", answer up to {needs.output_tokens}" if needs.output_tokens else ""
    uses = f", uses {', '.join(needs.capabilities)}" if needs.capabilities else ""
    lines = [f"asked: {', '.join(filter(None, asked)) or 'nothing that can be routed'}; {size}{answer}{uses}"]
    if decision.requirements:
        lines.append(
            "must hold: "
            + ", ".join(f"{k}={json.dumps(v)}" for k, v in sorted(decision.requirements.items()))
        )
    return lines


def _as_json(decision: Decision) -> str:
    content = {
        "route": list(decision.route),
        "strategy": decision.strategy,
        "pinned": decision.pinned,
        "reason": decision.reason,
        "upstreams": {
            model: [list(level) for level in decision.upstreams[model]] for model in decision.route
        },
        "requirements": decision.requirements,
        "prompt_tokens": decision.needs.prompt_tokens,
        "output_tokens": decision.needs.output_tokens,
        "capabilities": list(decision.needs.capabilities),
        "candidates": [
            {"model": c.model, "eligible": not c.reasons, "reasons": list(c.reasons), "cost_usd": c.cost_usd}
            for c in decision.candidates
        ],
        "refusal": decision.refusal
        and {
            "message": decision.refusal.message,
            "code": decision.refusal.code,
            "param": decision.refusal.param,
        },
    }
    return json.dumps(content, indent=2)
