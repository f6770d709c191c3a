"""What a request asks for: its requirements, and what it needs without saying so."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .words import is_number, nearest, show

# Characters are counted in UTF-8 bytes. Four a token is the usual rule; a tenth is added because a prompt
# that is taken for too small fails at the provider, and one taken for too large only costs a better model.
BYTES_PER_TOKEN = 4
MARGIN_PERCENT = 10
MAX_TOKENS = 10**9  # that a request may ask for: what is beyond could not be priced
TOKENS_PER_IMAGE = 1100
TOKENS_PER_MESSAGE = 4
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


class RefusedError(Exception):
    def __init__(self, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.refusal = Refusal(message, code, param)


def requirements_of(given: Any) -> dict[str, Any]:
    """The request's `requirements`, every key and type checked."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise RefusedError("'requirements' must be an object", "invalid_requirement", "requirements")
    for key, value in given.items():
        if key not in REQUIREMENT_KEYS:
            raise RefusedError(
                f"requirement {show(key)} does not exist{nearest(key, REQUIREMENT_KEYS)}; "
                f"the requirements are: {', '.join(REQUIREMENT_KEYS)}",
                "unknown_requirement", "requirements",
            )  # fmt: skip
        problem = _wrong(key, value)
        if problem:
            raise RefusedError(
                f"requirement '{key}' must be {problem}", "invalid_requirement", f"requirements.{key}"
            )
    return {key: value for key, value in given.items() if value is not None}


def _wrong(key: str, value: Any) -> str | None:
    """What the value of a requirement must be, when it is not; a null asks for nothing."""
    if value is None:
        return None
    if key in _NUMBERS:
        return None if is_number(value) else "a number of zero or more"
    if key in _LISTS:
        return (
            None if isinstance(value, list) and all(isinstance(v, str) for v in value) else "a list of names"
        )
    if key == "max_price":
        fits = isinstance(value, dict) and all(
            k in ("input", "output") and is_number(v) for k, v in value.items()
        )
        return None if fits else "an object with 'input' and 'output', in USD per million tokens"
    return None if isinstance(value, str) else "text"


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


def needs_of(request: dict[str, Any], mode: str) -> Needs:
    capabilities = set()
    if request.get("tools") or request.get("functions"):
        capabilities.add("function_calling")
    if _wants_json(request.get("response_format")) or _wants_json(get(request.get("text"), "format")):
        capabilities.add("json_mode")
    size = _prompt_size(request, mode, capabilities)
    limit = next((request[f] for f in _OUTPUT_FIELDS if request.get(f) is not None), None)
    if limit is not None and (
        isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_TOKENS
    ):
        raise RefusedError(
            "'max_tokens' must be a whole number of one or more", "invalid_request", "max_tokens"
        )
    return Needs(math.ceil(size * (100 + MARGIN_PERCENT) / 100), limit, tuple(sorted(capabilities)))


def _wants_json(response_format: Any) -> bool:
    kind = get(response_format, "type")
    return isinstance(kind, str) and kind.startswith("json")


def get(value: Any, key: str) -> Any:
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
