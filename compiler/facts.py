"""LiteLLM's cost map, read as the file it is: importing litellm takes 2.4 s and this takes 30 ms."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from compiler.catalog import Facts, Mode, Price

_FILE = "model_prices_and_context_window_backup.json"
_MILLION = 1_000_000

# How the map spells the upstreams of a provider type: these prefixes are tried, in this order.
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "vertex_ai": ("vertex_ai/", ""),
    "bedrock": ("", "bedrock/"),
    "openai": ("", "openai/"),
    "anthropic": ("", "anthropic/"),
    "cohere": ("", "cohere_chat/", "cohere/"),
    "mistral": ("mistral/",),
    "azure": ("azure/",),
    "gemini": ("gemini/",),
    "groq": ("groq/",),
    "openai_compatible": (),
}
_MODES: Mapping[str, tuple[Mode, ...]] = {
    "chat": ("chat", "completion"),  # the gateway turns a legacy completion into a chat
    "responses": ("chat",),
    "completion": ("completion",),
    "embedding": ("embedding",),
}
_CAPABILITIES = {
    "vision": ("supports_vision",),
    "function_calling": ("supports_function_calling",),
    "json_mode": ("supports_response_schema", "supports_native_structured_output"),
    "prompt_caching": ("supports_prompt_caching",),
    "audio_input": ("supports_audio_input",),
    "audio_output": ("supports_audio_output",),
    "pdf_input": ("supports_pdf_input",),
    "reasoning": ("supports_reasoning",),
    "web_search": ("supports_web_search",),
}


@dataclass(frozen=True, slots=True)
class CostMap:
    """The map's entries, by LiteLLM's name of the upstream."""

    entries: Mapping[str, Mapping[str, Any]]

    def facts(self, provider_type: str, upstream: str) -> Facts | None:
        """What the map knows of an upstream; None when it has no such entry."""
        entry = self._entry(provider_type, upstream)
        if entry is None:
            return None
        return Facts(
            context_window=_whole(entry.get("max_input_tokens") or entry.get("max_tokens")),
            max_output_tokens=_whole(entry.get("max_output_tokens")),
            price=_price(entry),
            modes=_MODES.get(str(entry.get("mode"))),
            capabilities=tuple(
                name for name, keys in _CAPABILITIES.items() if any(entry.get(key) is True for key in keys)
            ),
            retires_on=entry.get("deprecation_date"),
        )

    def upstreams(self, provider_type: str) -> list[str]:
        """The upstream ids that the map knows of a type of provider, as a catalog writes them."""
        heads = [prefix for prefix in _PREFIXES.get(provider_type, ()) if prefix]
        found = (name for name, entry in self.entries.items() if _is_of(provider_type, entry))
        return sorted({next((n.removeprefix(h) for h in heads if n.startswith(h)), n) for n in found})

    def successor(self, provider_type: str, upstream: str, after: str) -> str | None:
        """The newest model of the same family that the vendor still serves `after` a day, year-month-day.

        A family is what the id says beside its numbers: `claude-3-opus-20240229` is of `claude opus`.
        """
        family, own = _family(upstream), _version(upstream)
        mode = (self._entry(provider_type, upstream) or {}).get("mode")
        later = [
            (_family(name), _version(name), name)
            for name in self.upstreams(provider_type)
            if _version(name) > own
            and _spread(name) == _spread(upstream)
            and self._serves(provider_type, name, mode, after)
        ]
        # A family that has died out (`gpt turbo`) is followed by the plain one (`gpt`), where there is one.
        for relatives in (family, family[:1]):
            found = [(version, -len(name), name) for words, version, name in later if words == relatives]
            if found:
                return max(found)[2]
        return None

    def _serves(self, provider_type: str, upstream: str, mode: str | None, after: str) -> bool:
        entry = self._entry(provider_type, upstream) or {}
        last_day = entry.get("deprecation_date")
        return entry.get("mode") == (mode or "chat") and (not last_day or str(last_day) > after)

    def _entry(self, provider_type: str, upstream: str) -> Mapping[str, Any] | None:
        base = _base(provider_type, upstream)
        names = (prefix + base for prefix in _PREFIXES.get(provider_type, ()))
        return next((self.entries[name] for name in names if name in self.entries), None)


def _is_of(provider_type: str, entry: Mapping[str, Any]) -> bool:
    """Whether an entry is of a vendor: the map splits some vendors (`bedrock_converse`, `cohere_chat`)."""
    return str(entry.get("litellm_provider", "")).startswith(provider_type)


def _base(provider_type: str, upstream: str) -> str:
    """What the map has for an id of an account's own: of a fine-tuned model, or of an inference profile."""
    if upstream.startswith("ft:"):
        return ":".join(upstream.split(":")[:2])
    return (
        upstream.rpartition("/")[2]
        if provider_type == "bedrock" and upstream.startswith("arn:")
        else upstream
    )


_SPREADS = frozenset(("eu", "us", "us-gov", "apac", "jp", "au", "ca", "global"))  # Bedrock's profiles
_NO_FAMILY = frozenset(("latest", "preview", "exp", "v", "beta", "chat", "instruct", "it")) | _SPREADS
_DATE = re.compile(r"(?<!\d)(?:\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{4,8})(?!\d)")


def _spread(upstream: str) -> str:
    head = upstream.partition(".")[0]
    return head if head in _SPREADS else ""


def _family(upstream: str) -> tuple[str, ...]:
    """The words of an id that say what kind of model it is: the first, then the others by the alphabet."""
    words = [word for word in re.findall(r"[a-z]+", upstream.lower()) if word not in _NO_FAMILY]
    return (*words[:1], *sorted(words[1:]))


def _version(upstream: str) -> tuple[int, ...]:
    """The numbers of an id that count versions: `claude-3-5-sonnet-20241022` is (3, 5)."""
    undated = _DATE.sub("", upstream.lower().partition(":")[0])
    return tuple(int(number) for number in re.findall(r"(?<![a-z0-9])v?(\d{1,3})(?![0-9a-z])", undated))


def load_cost_map() -> CostMap:
    """Reads the map of the installed LiteLLM without importing it.

    Raises:
        FileNotFoundError: LiteLLM is not installed, or keeps its map elsewhere.
    """
    return CostMap(json.loads(_raw()))


def cost_map_identity() -> tuple[str, str]:
    """The LiteLLM release whose map was read, and the first twelve hex digits of the map's SHA-256."""
    from hashlib import sha256  # noqa: PLC0415  # late: only `render` needs it, and it takes 3 ms

    return _release(), sha256(_raw()).hexdigest()[:12]


def _release() -> str:
    """From the name of litellm's `.dist-info`: importlib.metadata takes 15 ms."""
    found = find_spec("litellm")
    beside = Path(found.origin).parent.parent.glob("litellm-*.dist-info") if found and found.origin else ()
    names = [path.name.removesuffix(".dist-info").removeprefix("litellm-") for path in beside]
    if len(names) == 1:
        return names[0]
    from importlib.metadata import version  # noqa: PLC0415  # an editable install, or remains of an old one

    return version("litellm")


def _raw() -> bytes:
    found = find_spec("litellm")
    if found is None or found.origin is None:
        raise FileNotFoundError("litellm is not installed: its cost map holds the facts of models")
    return (Path(found.origin).parent / _FILE).read_bytes()


def merged(known: Facts, others: Iterable[Facts]) -> Facts:
    """`known`, its gaps filled by what all of `others` can keep: the smallest window, the dearest price.

    A model with several upstreams can promise only what the weakest of them does.
    """
    rest = list(others)
    return Facts(
        context_window=known.context_window or _least(fact.context_window for fact in rest),
        max_output_tokens=known.max_output_tokens or _least(fact.max_output_tokens for fact in rest),
        price=known.price or dearest([fact.price for fact in rest if fact.price]),
        modes=known.modes or next((fact.modes for fact in rest if fact.modes), None),
        capabilities=known.capabilities if known.capabilities is not None else _common(rest),
        retires_on=known.retires_on or min((f.retires_on for f in rest if f.retires_on), default=None),
    )


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def dearest(prices: Sequence[Price]) -> Price | None:
    """What none of them exceeds: the dearest of each side, for each size of a prompt."""
    if len(set(prices)) < 2:
        return prices[0] if prices else None
    edges = sorted({above for price in prices for above, _, _ in price.tiers})
    tiers = tuple((above, *_dearest_at(prices, above + 1)) for above in edges)
    return Price(*_dearest_at(prices, 0), tiers)


def _dearest_at(prices: Iterable[Price], size: int) -> tuple[float, float]:
    sides = [[(p.input, p.output), *(tier[1:] for tier in p.tiers if size > tier[0])][-1] for p in prices]
    return max(side[0] for side in sides), max(side[1] for side in sides)


def _common(facts: list[Facts]) -> tuple[str, ...] | None:
    known = [fact.capabilities for fact in facts if fact.capabilities is not None]
    if not known or len(known) < len(facts):
        return None
    return tuple(name for name in known[0] if all(name in other for other in known))


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and value > 0 else None


def _price(entry: Mapping[str, Any]) -> Price | None:
    cost_in, cost_out = entry.get("input_cost_per_token"), entry.get("output_cost_per_token", 0)
    if not isinstance(cost_in, (int, float)) or not isinstance(cost_out, (int, float)):
        return None
    return Price(_per_million(cost_in), _per_million(cost_out), tuple(_tiers(entry)))


def _tiers(entry: Mapping[str, Any]) -> list[tuple[int, float, float]]:
    head, tail = "input_cost_per_token_above_", "k_tokens"
    found = []
    for key, cost_in in entry.items():
        size = key.removeprefix(head).removesuffix(tail)
        if key.startswith(head) and key.endswith(tail) and size.isdigit():
            cost_out = entry.get(key.replace("input", "output"), entry.get("output_cost_per_token", 0))
            found.append((int(size) * 1000, _per_million(cost_in), _per_million(cost_out)))
    return sorted(found)


def _per_million(cost: float) -> float:
    return round(cost * _MILLION, 6)
