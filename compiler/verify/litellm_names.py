"""Whether a gateway's configuration and its routing table speak of the same models, and every name exists."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from compiler.verify.finding import Finding, Problem, brief
from compiler.verify.litellm_files import TABLE, Files
from compiler.verify.objects import Object


def check(files: Files, gateways: Sequence[Files], items: Sequence[Object]) -> Iterator[Finding]:
    """`gateways` are all of the bundle, this one among them: one may call another."""
    yield from _ids(files)
    yield from _same_models(files)
    yield from (files.finding(*problem, TABLE) for problem in _table(files.table))
    yield from (files.finding(*problem) for problem in _groups(files))
    yield from (files.finding(*problem) for problem in _depth(files))
    yield from _through(files, gateways, items)


def _ids(files: Files) -> Iterator[Finding]:
    """Of two deployments with one id, LiteLLM keeps the last."""
    seen: set[str] = set()
    for entry in files.entries:
        one = entry.data["model_info"]["id"]
        if one in seen:
            yield entry.finding(files.name, "model_info.id", f"{brief(one)!r} stands before already")
        seen.add(one)


def _same_models(files: Files) -> Iterator[Finding]:
    configured: dict[str, set[str]] = {}
    for entry in files.entries:
        configured.setdefault(entry.data["model_name"], set()).add(entry.data["model_info"]["id"])
    tabled = {
        name: {row.get("id") for row in model["deployments"]} for name, model in _served(files.table).items()
    }
    for name in configured.keys() - tabled.keys():
        yield files.finding("model_list", f"the routing table does not have {brief(name)!r}")
    for name in tabled.keys() - configured.keys():
        yield files.finding("models", f"{brief(name)!r} is not in the configuration", TABLE)
    for name in configured.keys() & tabled.keys():
        if configured[name] != tabled[name]:
            odd = ", ".join(sorted(map(str, configured[name] ^ tabled[name])))
            yield files.finding(
                "models", f"{brief(name)!r} has other deployments in the configuration: {odd}", TABLE
            )


def _served(table: Mapping[str, Any]) -> dict[str, Any]:
    """The models in service: of the others, the table only has the reason to refuse them."""
    return {name: row for name, row in table["models"].items() if "status" not in row}


def _table(table: Mapping[str, Any]) -> Iterator[Problem]:
    if table["default_strategy"] not in table["strategies"]:
        yield "default_strategy", f"there is no strategy {brief(table['default_strategy'])!r}"
    names = chain(
        (
            (f"strategies.{name}.candidates", candidate)
            for name, strategy in table["strategies"].items()
            for candidate in strategy["candidates"]
        ),
        (
            (f"strategies.{name}.canary", strategy["canary"].get("model"))
            for name, strategy in table["strategies"].items()
            if strategy.get("canary")
        ),
        (
            (f"models.{name}.fallbacks", fallback)
            for name, row in table["models"].items()
            for fallback in row.get("fallbacks") or ()
        ),
        (("provider_order", one) for _, listed in table.get("provider_order", ()) for one in listed),
    )
    for pointer, name in names:
        if name not in table["models"]:
            yield pointer, f"there is no model {brief(name)!r}"


def _groups(files: Files) -> Iterator[Problem]:
    """Each strategy is a group of LiteLLM's own, `auto/<strategy>`: else no key could be granted it."""
    at = "router_settings.routing_groups"
    groups = files.config["router_settings"].get("routing_groups", [])
    served = _served(files.table)
    wanted = {"auto", *(f"auto/{name}" for name in files.table["strategies"])} if served else set()
    found = [group["group_name"] for group in groups]
    if sorted(found) != sorted(wanted):
        odd = sorted(wanted.symmetric_difference(found)) or ["one is twice"]
        yield at, f"must be auto, and auto/<strategy> of each strategy: {brief(', '.join(odd))}"
    for place, group in enumerate(groups):
        if group["routing_strategy"] != "priority":
            yield (
                f"{at}[{place}].routing_strategy",
                "must be priority: a model may be in many such groups alone",
            )
        missing = [name for name in group["models"] if name not in served]
        if missing or not group["models"]:
            yield f"{at}[{place}].models", f"no model in service: {brief(', '.join(map(str, missing)))}"
        counts = group["model_priorities"].values()
        if [*group["model_priorities"]] != group["models"] or not all(
            type(n) is int and n >= 1 for n in counts
        ):
            yield f"{at}[{place}].model_priorities", "must have a whole number from 1 for each of its models"


def _depth(files: Files) -> Iterator[Problem]:
    """LiteLLM ends a route without a word after `max_fallbacks` calls."""
    widest = max((len(row["deployments"]) for row in _served(files.table).values()), default=1)
    calls = widest * files.table["max_attempts"] * (files.table["retry"]["attempts"] + 1)
    if files.config["router_settings"]["max_fallbacks"] < calls:
        yield "router_settings.max_fallbacks", f"a route may take {calls} calls"


def _through(files: Files, gateways: Sequence[Files], items: Sequence[Object]) -> Iterator[Finding]:
    """A model behind another gateway: the address is that gateway's Service, and it serves the model."""
    names = {one.name: {entry.data["model_name"] for entry in one.entries} for one in gateways}
    addresses = {
        f"http://{item.name}.{item.namespace}.svc:{port['port']}": names[item.name]
        for item in items
        if item.kind == "Service" and item.name in names
        for port in item.spec.get("ports", [])
    }
    for entry in files.entries:
        params = entry.data["litellm_params"]
        prefix, _, model = params["model"].partition("/")
        if prefix != "litellm_proxy":
            continue
        served = addresses.get(params.get("api_base", ""))
        if served is None:
            yield entry.finding(
                files.name, "litellm_params.api_base", "no gateway of the bundle listens there"
            )
        elif model not in served:
            yield entry.finding(
                files.name, "litellm_params.model", f"that gateway does not serve {brief(model)!r}"
            )
        if params.get("extra_headers") != {"x-interlock-hop": files.name}:
            message = f"must be x-interlock-hop: {files.name}, or that gateway adds fallbacks of its own"
            yield entry.finding(files.name, "litellm_params.extra_headers", message)
