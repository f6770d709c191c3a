"""Interlock's routing plugin: decides the route of every request from the compiled routing table.

One file, standard library only. It runs inside the LiteLLM proxy (`litellm_settings.callbacks:
["routing_plugin.handler"]`), beside the `routing_table.json` it reads, and inside the compiler,
where `explain` calls the very same `decide()`.

The pure half, `decide(table, request, ...) -> Decision`, raises on no JSON whatever. The proxy half, built
only when LiteLLM asks for `handler`, turns a Decision into the `model` and `fallbacks` of the request.

Units: tokens, USD per million tokens (prices), USD (costs), milliseconds (latencies).
"""

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TABLE_VERSION = 1

Table = Mapping[str, Any]  # schemas/routing_table.schema.json
Row = Mapping[str, Any]  # one model or strategy of it
Allowed = Callable[[str], bool] | None

# Characters are counted in UTF-8 bytes. Four a token is the usual rule; a tenth is added because a prompt
# that is taken for too small fails at the provider, and one taken for too large only costs a better model.
BYTES_PER_TOKEN = 4
MARGIN_PERCENT = 10
TOKENS_PER_IMAGE = 1100
TOKENS_PER_MESSAGE = 4
MAX_NAMED = 20  # candidates that a refusal names
MAX_MESSAGE = 4000  # characters of a refusal
USUAL_ANSWER_TOKENS = 500  # prices an answer when the request sets no limit

REQUIREMENT_KEYS = (
    "capabilities", "exclude_providers", "max_cost_usd", "max_latency_ms", "max_price", "min_context_window",
    "min_output_tokens", "min_quality", "providers", "residency",
)  # fmt: skip
_NUMBERS = ("max_cost_usd", "max_latency_ms", "min_context_window", "min_output_tokens", "min_quality")
_LISTS = ("capabilities", "exclude_providers", "providers")

_PART_CAPABILITY = {
    "image_url": "vision", "input_image": "vision", "image": "vision",
    "input_audio": "audio_input", "audio": "audio_input",
    "file": "pdf_input", "input_file": "pdf_input", "document": "pdf_input",
}  # fmt: skip
_PROMPT_FIELDS = ("messages", "prompt", "input", "system", "instructions", "tools", "functions")
_OUTPUT_FIELDS = ("max_completion_tokens", "max_output_tokens", "max_tokens")


@dataclass(frozen=True)
class Candidate:
    """One model that was looked at: eligible when `reasons` is empty. `cost_usd` is an estimate."""

    model: str
    reasons: tuple[str, ...] = ()
    cost_usd: float | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a request gets HTTP 400: `code` for programs, `param` the field to look at."""

    message: str
    code: str
    param: str | None = None


@dataclass(frozen=True)
class Needs:
    """What the request itself asks of a model, without saying so."""

    prompt_tokens: int = 0
    output_tokens: int | None = None
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The route (first model, then fallbacks), and how it came about. Empty exactly when `refusal` is set."""

    route: tuple[str, ...] = ()
    strategy: str | None = None
    pinned: str | None = None
    candidates: tuple[Candidate, ...] = ()  # every model that was considered, in order
    requirements: dict[str, Any] = field(default_factory=dict)
    needs: Needs = Needs()
    refusal: Refusal | None = None


class _RefusedError(Exception):
    def __init__(self, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.refusal = Refusal(message, code, param)


def decide(  # noqa: PLR0913  # keyword-only: each is one thing that a decision depends on
    table: Table,
    request: Any,
    *,
    mode: str = "chat",
    header: str | None = None,
    allowed: Allowed = None,
    down: Iterable[str] = (),
) -> Decision:
    """Decides the route of one request.

    Args:
        table: the parsed routing table of one gateway.
        request: the JSON body, as the client sent it; any JSON is answered.
        mode: what the endpoint asks for: `chat`, `completion` or `embedding`.
        header: the value of `x-routing-strategy`, if any; the body's `routing_strategy` goes before it.
        allowed: a predicate over model names, or None when the key may use every model.
        down: names of providers to leave out.

    Returns:
        A Decision. Never raises.
    """
    try:
        return _decide(table, request, mode, header, allowed, down)
    except _RefusedError as refused:
        return Decision(refusal=refused.refusal)
    except RecursionError:
        return Decision(refusal=Refusal("the request is nested too deeply", "invalid_request"))


def _decide(  # noqa: PLR0913, PLR0917  # as `decide`
    table: Table, request: Any, mode: str, header: str | None, allowed: Allowed, down: Iterable[str]
) -> Decision:
    if not isinstance(request, dict):
        raise _RefusedError("the request body must be a JSON object", "invalid_request")
    pinned, strategy_name = _asked_for(table, request, header, allowed)
    wanted = _requirements(request.get("requirements"))
    strategy = table["strategies"][strategy_name] if strategy_name is not None else {}
    required = merge(table.get("requirements", {}), strategy.get("requirements", {}), wanted)
    needs = _needs(request, mode)
    look = _Look(table, required, needs, mode, allowed, frozenset(down))
    considered = _considered(table, look, pinned, strategy_name)
    route = tuple(c.model for c in considered if not c.reasons)[: table["max_attempts"]]
    refusal = None if route else _nothing_eligible(look, considered, strategy_name, pinned)
    return Decision(route, strategy_name, pinned, considered, required, needs, refusal)


# --- what the request asks for -------------------------------------------------------------------------


def _asked_for(
    table: Table, request: dict[str, Any], header: str | None, allowed: Allowed
) -> tuple[str | None, str | None]:
    """(pinned model or None, strategy name or None); never both None."""
    model, named = request.get("model"), request.get("routing_strategy")
    if model is not None and not isinstance(model, str):
        raise _RefusedError("'model' must be text", "invalid_request", "model")
    if named is not None and not isinstance(named, str):
        raise _RefusedError("'routing_strategy' must be text", "invalid_request", "routing_strategy")
    named = named or header or None
    model = model or "auto"
    if model == "auto" or model.startswith("auto/"):
        in_model = model[5:] or None
        if in_model and request.get("routing_strategy") and named != in_model:
            message = (
                f"the request names two strategies: {_show(in_model)} in 'model' and {_show(str(named))}"
            )
            raise _RefusedError(message, "invalid_request", "routing_strategy")
        return None, _known_strategy(table, in_model or named or table["default_strategy"])
    if model not in table["models"] or (allowed is not None and not allowed(model)):
        legal = [name for name in table["models"] if allowed is None or allowed(name)]
        raise _RefusedError(
            f"model {_show(model)} does not exist here{_nearest(model, legal)}", "model_not_found", "model"
        )
    return model, _known_strategy(table, named) if named else None


def _known_strategy(table: Table, name: str) -> str:
    if name in table["strategies"]:
        return name
    legal = ", ".join(sorted(table["strategies"]))
    close = _nearest(name, table["strategies"])
    message = f"strategy {_show(name)} does not exist{close}; the strategies are: {legal}"
    raise _RefusedError(message, "unknown_strategy", "routing_strategy")


def _requirements(given: Any) -> dict[str, Any]:
    """The request's `requirements`, every key and type checked."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _RefusedError("'requirements' must be an object", "invalid_requirement", "requirements")
    for key, value in given.items():
        if key not in REQUIREMENT_KEYS:
            raise _RefusedError(
                f"requirement {_show(key)} does not exist{_nearest(key, REQUIREMENT_KEYS)}; "
                f"the requirements are: {', '.join(REQUIREMENT_KEYS)}",
                "unknown_requirement", "requirements",
            )  # fmt: skip
        problem = _wrong(key, value)
        if problem:
            raise _RefusedError(
                f"requirement '{key}' must be {problem}", "invalid_requirement", f"requirements.{key}"
            )
    return {key: value for key, value in given.items() if value is not None}


def _wrong(key: str, value: Any) -> str | None:
    """What the value of a requirement must be, when it is not; a null asks for nothing."""
    if value is None:
        return None
    if key in _NUMBERS:
        return None if _is_number(value) else "a number of zero or more"
    if key in _LISTS:
        return (
            None if isinstance(value, list) and all(isinstance(v, str) for v in value) else "a list of names"
        )
    if key == "max_price":
        fits = isinstance(value, dict) and all(
            k in ("input", "output") and _is_number(v) for k, v in value.items()
        )
        return None if fits else "an object with 'input' and 'output', in USD per million tokens"
    return None if isinstance(value, str) else "text"


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )


def merge(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """The requirements that hold when all of `sources` do: the tighter of each."""
    result: dict[str, Any] = {}
    for source in sources:
        for key, value in source.items():
            result[key] = _tighter(key, result[key], value) if key in result else value
    return result


def _tighter(key: str, a: Any, b: Any) -> Any:
    if key.startswith("min_"):
        return max(a, b)
    if key == "max_price":
        return {
            side: min(x[side] for x in (a, b) if side in x)
            for side in ("input", "output")
            if side in a or side in b
        }
    if key.startswith("max_"):
        return min(a, b)
    if key == "providers":
        return [name for name in a if name in b]
    if key == "residency":
        return a if a == b else f"{a} and {b}"
    return sorted({*a, *b})


def _needs(request: dict[str, Any], mode: str) -> Needs:
    capabilities = set()
    if request.get("tools") or request.get("functions"):
        capabilities.add("function_calling")
    if _wants_json(request.get("response_format")) or _wants_json(_get(request.get("text"), "format")):
        capabilities.add("json_mode")
    size = _prompt_size(request, mode, capabilities)
    limit = next((request[f] for f in _OUTPUT_FIELDS if request.get(f) is not None), None)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise _RefusedError(
            "'max_tokens' must be a whole number of one or more", "invalid_request", "max_tokens"
        )
    return Needs(math.ceil(size * (100 + MARGIN_PERCENT) / 100), limit, tuple(sorted(capabilities)))


def _wants_json(response_format: Any) -> bool:
    kind = _get(response_format, "type")
    return isinstance(kind, str) and kind.startswith("json")


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _prompt_size(request: dict[str, Any], mode: str, capabilities: set[str]) -> float:
    """Tokens of the prompt before the margin; adds the capabilities that its parts ask for."""
    if mode == "embedding" and isinstance(request.get("input"), list):
        # Each item is embedded on its own, unless the list is one item's token numbers.
        return max((_size(item, capabilities) for item in request["input"]), default=0)
    return sum(_size(request[name], capabilities) for name in _PROMPT_FIELDS if request.get(name))


def _size(value: Any, capabilities: set[str]) -> float:
    """Tokens of any JSON value. A loop, because a body may be nested as deep as it likes."""
    tokens = 0.0
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            tokens += len(item if item.isascii() else item.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN
        elif isinstance(item, dict):
            kind = item.get("type")
            capability = _PART_CAPABILITY.get(kind) if isinstance(kind, str) else None
            if capability:
                capabilities.add(capability)
                tokens += TOKENS_PER_IMAGE  # not its base64 text
            else:
                tokens += TOKENS_PER_MESSAGE
                stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, (int, float)):
            tokens += 1  # a prompt may be given as token numbers
    return tokens


# --- which models can serve it -------------------------------------------------------------------------


Check = Callable[[Row, Any, Needs], str | None]


@dataclass(frozen=True)
class _Look:
    """One request's way of looking at models."""

    table: Table
    required: dict[str, Any]
    needs: Needs
    mode: str
    allowed: Allowed
    down: frozenset[str]

    def candidate(self, name: str) -> Candidate:
        model = self.table["models"][name]
        return Candidate(name, tuple(self._reasons(name, model)), cost_usd(model, self.needs))

    def may_see(self, name: str) -> bool:
        return self.allowed is None or self.allowed(name)

    def _reasons(self, name: str, model: Row) -> Iterator[str]:
        if not self.may_see(name):
            yield "this key may not use it"
            return
        if model.get("status"):
            yield f"is {model['status']}"
        if self.mode not in model["modes"]:
            yield f"does not serve {self.mode} requests"
        gone = [provider for provider in model["providers"] if provider in self.down]
        if len(gone) == len(model["providers"]):
            yield f"provider {', '.join(gone)} is down"
        yield from self._unfit(model)
        for key, value in self.required.items():
            reason = _CHECKS[key](model, value, self.needs)
            if reason:
                yield reason

    def _unfit(self, model: Row) -> Iterator[str]:
        """What the request needs without saying so. A fact that is not known refuses nothing here."""
        offered, window, most = model["capabilities"], model["context_window"], model["max_output_tokens"]
        lacking = [c for c in self.needs.capabilities if offered is not None and c not in offered]
        if lacking:
            yield f"does not offer {', '.join(lacking)}, which the request uses"
        total = self.needs.prompt_tokens + (self.needs.output_tokens or 0)
        if window is not None and total > window:
            yield f"context window {window} is less than the request's {total} tokens (estimated)"
        if most is not None and (self.needs.output_tokens or 0) > most:
            yield f"writes at most {most} tokens, and the request asks for {self.needs.output_tokens}"


def _at_least(fact: str, words: str) -> Check:
    def check(model: Row, least: Any, _needs: Needs) -> str | None:
        value = model[fact]
        if value is None:
            return f"{words} is not known"
        return None if value >= least else f"{words} {_number(value)} is less than {_number(least)}"

    return check


def _check_capabilities(model: Row, wanted: Any, _needs: Needs) -> str | None:
    lacking = [name for name in wanted if name not in (model["capabilities"] or ())]
    return f"does not offer {', '.join(lacking)}" if lacking else None


def _check_price(model: Row, limits: Any, _needs: Needs) -> str | None:
    price = model["price"]
    if price is None:
        return "price is not known"
    over = [
        f"{side} price ${price[side]:g} is over ${limit:g} per million tokens"
        for side, limit in sorted(limits.items())
        if price[side] > limit
    ]
    return ", ".join(over) or None


def _check_cost(model: Row, limit: Any, needs: Needs) -> str | None:
    cost = cost_usd(model, needs)
    if cost is None:
        return "price is not known"
    return f"costs about ${cost:.6f}, over ${limit:g}" if cost > limit else None


def _check_latency(model: Row, limit: Any, _needs: Needs) -> str | None:
    latency = model["latency_ms"]
    if latency is None:
        return "latency is not known"
    return f"latency {_number(latency)} ms is over {_number(limit)} ms" if latency > limit else None


def _check_providers(model: Row, wanted: Any, _needs: Needs) -> str | None:
    others = [name for name in model["providers"] if name not in wanted]
    return (
        f"is served by {', '.join(others)}, not only by {', '.join(wanted) or 'nobody'}" if others else None
    )


def _check_excluded(model: Row, unwanted: Any, _needs: Needs) -> str | None:
    hit = [name for name in model["providers"] if name in unwanted]
    return f"is served by {', '.join(hit)}, which is excluded" if hit else None


def _check_residency(model: Row, wanted: Any, _needs: Needs) -> str | None:
    # Every deployment may answer, so every one of them must be in the right place.
    others = [place for place in model["residency"] if place != wanted]
    return (
        f"residency {', '.join(place or 'not known' for place in others)} is not {wanted}" if others else None
    )


_CHECKS: dict[str, Check] = {
    "min_context_window": _at_least("context_window", "context window"),
    "min_output_tokens": _at_least("max_output_tokens", "longest answer"),
    "min_quality": _at_least("quality", "quality"),
    "capabilities": _check_capabilities,
    "max_price": _check_price,
    "max_cost_usd": _check_cost,
    "max_latency_ms": _check_latency,
    "providers": _check_providers,
    "exclude_providers": _check_excluded,
    "residency": _check_residency,
}


def cost_usd(model: Row, needs: Needs) -> float | None:
    """What the request would cost on the model, or None when its price is not known."""
    price = model["price"]
    if price is None:
        return None
    side_in, side_out = price["input"], price["output"]
    for above, tier_in, tier_out in price["tiers"]:
        if needs.prompt_tokens > above:
            side_in, side_out = tier_in, tier_out
    usual = min(USUAL_ANSWER_TOKENS, model["max_output_tokens"] or USUAL_ANSWER_TOKENS)
    answer = needs.output_tokens or ("embedding" not in model["modes"] and usual) or 0
    return float(needs.prompt_tokens * side_in + answer * side_out) / 1_000_000


# --- in which order ------------------------------------------------------------------------------------


def _considered(
    table: Table, look: _Look, pinned: str | None, strategy_name: str | None
) -> tuple[Candidate, ...]:
    """Every candidate in the order of the route; no model twice."""
    first = [look.candidate(pinned)] if pinned is not None else []
    if strategy_name is not None:
        rest = _by_strategy(table["strategies"][strategy_name], look)
    elif pinned is None:
        rest = []
    else:
        fallbacks = table["models"][pinned]["fallbacks"]
        rest = (
            _chain(table, look, pinned) if fallbacks is None else [look.candidate(name) for name in fallbacks]
        )
    return (*first, *(c for c in rest if c.model != pinned))


def _by_strategy(strategy: Row, look: _Look) -> list[Candidate]:
    # The compiler has put candidates in order, except where the order depends on the request.
    candidates = [look.candidate(name) for name in strategy["candidates"]]
    if strategy["order"] == "cost":
        candidates.sort(key=lambda c: (math.inf if c.cost_usd is None else c.cost_usd, c.model))
    return candidates


def _chain(table: Table, look: _Look, pinned: str) -> list[Candidate]:
    """The best model that can serve the request at each other provider, in the catalog's provider order."""
    own = table["models"][pinned]["providers"]
    chain = []
    for provider in table["provider_order"]:
        if provider in own:
            continue
        there = [name for name, model in table["models"].items() if provider in model["providers"]]
        candidates = [look.candidate(name) for name in there]
        fit = [c for c in candidates if not c.reasons]
        if fit:
            chain.append(min(fit, key=lambda c: (-(table["models"][c.model]["quality"] or 0), c.model)))
    return list(dict.fromkeys(chain))


# --- when nothing fits ---------------------------------------------------------------------------------


def _nothing_eligible(
    look: _Look, considered: tuple[Candidate, ...], strategy_name: str | None, pinned: str | None
) -> Refusal:
    asked = f"model {_show(pinned or '')}" if strategy_name is None else f"strategy {_show(strategy_name)}"
    seen = [c for c in considered if look.may_see(c.model)]
    lines = [f"{c.model}: {'; '.join(c.reasons)}" for c in seen[:MAX_NAMED]]
    if len(seen) > MAX_NAMED:
        lines.append(f"and {len(seen) - MAX_NAMED} more")
    message = f"no model of {asked} can serve this request. " + (
        " | ".join(lines) or "This key may use none of them."
    )
    message = _printable(message + _nearest_that_would_do(look))[:MAX_MESSAGE]
    return Refusal(message, "no_eligible_model", "requirements" if look.required else None)


def _nearest_that_would_do(look: _Look) -> str:
    """The best model outside the candidates that could serve it, else the one that is refused for least."""
    visible = [look.candidate(name) for name in look.table["models"] if look.may_see(name)]
    if not visible:
        return ""
    quality = {name: model["quality"] or 0 for name, model in look.table["models"].items()}
    best = min(visible, key=lambda c: (len(c.reasons), -quality[c.model], c.model))
    if best.reasons:
        return f". The nearest is {best.model}: {'; '.join(best.reasons)}"
    strategies = [
        name for name, s in sorted(look.table["strategies"].items()) if best.model in s["candidates"]
    ]
    where = f" (strategy {', '.join(strategies)})" if strategies else ""
    return f". {best.model}{where} could serve it"


def _nearest(word: str, legal: Iterable[str]) -> str:
    import difflib  # only a refusal needs it

    found = difflib.get_close_matches(
        str(word)[:80].casefold(), [str(name) for name in legal], n=1, cutoff=0.6
    )
    return f" (did you mean '{found[0]}'?)" if found else ""


def _show(text: str) -> str:
    """Text of a client's in quotes, short, printable: it goes into messages and headers."""
    shown = text if len(text) <= 60 else text[:59] + "…"
    return f"'{_printable(shown)}'"


def _printable(text: str) -> str:
    """Text that any encoder takes: a client may send half of a surrogate pair, and names it in a list."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- the table -----------------------------------------------------------------------------------------


def load_table(path: str) -> dict[str, Any]:
    """Reads a routing table and the further parts it names.

    Raises:
        ValueError: not a table of the version this plugin knows, or a part is missing a model.
        OSError: the file cannot be read.
    """
    with open(path, encoding="utf-8") as stream:
        table: dict[str, Any] = json.load(stream)
    version = table.get("version") if isinstance(table, dict) else None
    if version != TABLE_VERSION:
        raise ValueError(f"routing table version {version!r}: this plugin reads version {TABLE_VERSION}")
    for part in table.get("parts", ()):
        with open(os.path.join(os.path.dirname(path), part), encoding="utf-8") as stream:
            for kind, name, content in json.load(stream):
                if kind == "model":
                    table["models"][name] = content
                else:
                    table["strategies"][name]["candidates"] += content
    known = table["models"]
    for name, strategy in table["strategies"].items():
        missing = [model for model in strategy["candidates"] if model not in known]
        if missing:
            raise ValueError(f"routing table: strategy {name!r} names models it does not hold: {missing[:3]}")
    return table


# --- the LiteLLM half ----------------------------------------------------------------------------------

# LiteLLM's call types, by what they ask a model for. Other calls (images, files …) are not routed.
_MODES = {
    "completion": "chat", "acompletion": "chat", "responses": "chat", "aresponses": "chat",
    "anthropic_messages": "chat", "aanthropic_messages": "chat",
    "text_completion": "completion", "atext_completion": "completion",
    "embeddings": "embedding", "embedding": "embedding", "aembedding": "embedding",
}  # fmt: skip
# What on a key may keep it from a model; a key with none of these, such as the master key, may use all.
_RESTRICTIONS = ("models", "team_id", "team_models", "project_id", "end_user_id", "access_group_ids")
_STATE = "interlock"  # our key in the request's metadata
# A client may name fallbacks of its own to LiteLLM; every one of these would lead round the filter.
_CLIENT_ROUTING = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def _bucket(data: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that LiteLLM itself keeps: `metadata` belongs to the caller on responses and messages."""
    name = "litellm_metadata" if isinstance(data.get("litellm_metadata"), dict) else "metadata"
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _request_headers(data: Mapping[str, Any]) -> dict[str, str]:
    found = _get(data.get("proxy_server_request"), "headers")
    return found if isinstance(found, dict) else {}


def _deployment_id(data: Mapping[str, Any], response: Any, call_info: Any) -> Any:
    """The id of the deployment that answered; where LiteLLM keeps it depends on the endpoint."""
    logged = getattr(data.get("litellm_logging_obj"), "model_call_details", None)
    info = _get(_get(logged, "litellm_params"), "model_info")
    hidden = getattr(response, "_hidden_params", None)
    return _get(hidden, "model_id") or _get(call_info, "model_id") or _get(info, "id")


def _rename(response: Any, model: str | None) -> None:
    """The body names the catalog's model, as the headers do; LiteLLM shows the upstream's id in places."""
    if isinstance(response, dict) and isinstance(response.get("model"), str):
        response["model"] = model
    elif isinstance(getattr(response, "model", None), str):
        response.model = model


def _about_the_request(status: int | None, error: BaseException) -> str:
    """What the first provider said of a request that it would not take: the caller's own mistake, perhaps."""
    if status not in (400, 413, 422):
        return ""
    return ". The first said: " + _printable(str(getattr(error, "message", error)))[:500]


def _response_headers(state: Mapping[str, Any], answered: str | None, digest: str) -> dict[str, str]:
    headers = {"x-interlock-strategy": state["strategy"] or "none", "x-interlock-table": digest}
    if answered in state["route"]:
        headers["x-interlock-model"] = answered
        headers["x-interlock-attempts"] = str(state["route"].index(answered) + 1)
    return {name: value.encode("ascii", "replace").decode() for name, value in headers.items()}


def _build_handler() -> Any:  # noqa: C901  # the methods of one class, which cannot exist without LiteLLM
    """The CustomLogger instance, built on demand: the compiler imports this file without LiteLLM."""
    from fastapi import HTTPException
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.proxy._types import ProxyException

    class RefusedRequestError(ProxyException):  # type: ignore[misc]  # LiteLLM's types are not read here
        """An OpenAI-shaped 400 whose `code` is a word; LiteLLM puts the HTTP status there."""

        def __init__(self, refusal: Refusal) -> None:
            super().__init__(
                message=refusal.message, type="invalid_request_error", param=refusal.param, code=400,
                openai_code=refusal.code,
            )  # fmt: skip

        def to_dict(self) -> dict[str, Any]:
            return {**super().to_dict(), "code": self.openai_code}

    class InterlockHandler(CustomLogger):  # type: ignore[misc]
        def __init__(self, table: dict[str, Any]) -> None:
            super().__init__()
            self.table = table
            self.deployments = {
                d: name for name, model in table["models"].items() for d in model["deployments"]
            }

        async def async_pre_call_hook(
            self,
            user_api_key_dict: Any,
            cache: Any,  # noqa: ARG002  # the signature is LiteLLM's, by name
            data: dict[str, Any],
            call_type: Any,
        ) -> dict[str, Any]:
            _bucket(data).pop(_STATE, None)  # a client's own
            asked = {name: data.pop(name, None) for name in ("routing_strategy", "requirements")}
            mode = _MODES.get(str(getattr(call_type, "value", call_type)))
            if mode is None:
                return data
            for name in _CLIENT_ROUTING:
                data.pop(name, None)
            headers = _request_headers(data)
            allowed = await self._allowed(user_api_key_dict)
            decision = decide(
                self.table,
                {**data, **asked},
                mode=mode,
                header=headers.get("x-routing-strategy"),
                allowed=allowed,
            )
            if decision.refusal:
                raise RefusedRequestError(decision.refusal)
            route = decision.route
            if decision.pinned and headers.get("x-interlock-hop"):
                # Another gateway of ours chose this model, and holds the rest of the route itself.
                route = (decision.pinned,)
            data["model"], data["fallbacks"] = route[0], list(route[1:])
            _bucket(data)[_STATE] = {"strategy": decision.strategy, "route": list(route), "failed": {}}
            return data

        async def _allowed(self, key: Any) -> Allowed:
            """A predicate over model names, or None when the key is not restricted.

            LiteLLM has judged only the model that the client sent: every other one is asked for here.
            """
            from litellm.proxy.auth.auth_checks import can_key_call_resolved_model
            from litellm.proxy.proxy_server import llm_router

            if not any(getattr(key, name, None) for name in _RESTRICTIONS):
                return None
            names = set()
            for name in self.table["models"]:
                try:
                    await can_key_call_resolved_model(
                        model=name, llm_model_list=None, valid_token=key, llm_router=llm_router
                    )
                    names.add(name)
                except Exception:  # noqa: BLE001, S110  # LiteLLM says no by raising one of several types
                    pass
            return names.__contains__

        async def async_post_call_response_headers_hook(
            self,
            data: dict[str, Any],
            user_api_key_dict: Any,  # noqa: ARG002
            response: Any,
            request_headers: Any = None,  # noqa: ARG002
            litellm_call_info: Any = None,
        ) -> dict[str, str] | None:
            state = _bucket(data).get(_STATE)
            if not state:
                return None
            answered = self.deployments.get(_deployment_id(data, response, litellm_call_info))
            if answered in state["route"]:
                _rename(response, answered)
            return _response_headers(state, answered, self.table["digest"])

        async def log_failure_fallback_event(
            self,
            original_model_group: str,  # noqa: ARG002
            kwargs: dict[str, Any],
            original_exception: Exception,  # noqa: ARG002
        ) -> None:
            # Called while LiteLLM handles the fallback's own error, which it does not hand over.
            state = _bucket(kwargs).get(_STATE)
            if state is not None:
                self._note(state, sys.exc_info()[1])

        def _note(self, state: dict[str, Any], error: BaseException | None) -> None:
            model = self.deployments.get(getattr(error, "failed_deployment_id", None))
            status = getattr(error, "status_code", None)
            if model and isinstance(status, int):
                state["failed"][model] = status

        async def async_post_call_failure_hook(
            self,
            request_data: dict[str, Any],
            original_exception: Exception,
            user_api_key_dict: Any,  # noqa: ARG002
            traceback_str: str | None = None,  # noqa: ARG002
        ) -> Any:
            """One clear error for a route that failed whole, with the status of its last provider."""
            state = _bucket(request_data).get(_STATE)
            if not state or len(state["route"]) < 2:
                return None
            self._note(state, original_exception)
            tried = [f"{model} ({state['failed'].get(model, 'cooling down')})" for model in state["route"]]
            statuses = [state["failed"][model] for model in state["route"] if model in state["failed"]]
            about = _about_the_request(state["failed"].get(state["route"][0]), original_exception)
            wait: Any = getattr(original_exception, "cooldown_time", None)
            return HTTPException(
                status_code=next((s for s in reversed(statuses) if 400 <= s <= 599), 429),
                detail="every model of the route failed: " + ", ".join(tried) + about,
                headers={"retry-after": str(math.ceil(wait))} if _is_number(wait) else None,
            )

    here = os.path.dirname(os.path.abspath(__file__))
    return InterlockHandler(load_table(os.path.join(here, "routing_table.json")))


def __getattr__(name: str) -> Any:
    if name == "handler":
        return _build_handler()
    raise AttributeError(name)
