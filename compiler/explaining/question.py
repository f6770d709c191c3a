"""The request that an explanation is about, and what it asks for without saying so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler.runtime.models import USUAL_ANSWER_TOKENS, Allowed, Table
from compiler.runtime.request import Needs, RefusedError, needs_of
from compiler.table import plain_mode

_OUTPUT_FIELDS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_PARTS = {"vision": "an image", "audio_input": "audio", "pdf_input": "a file"}


@dataclass(frozen=True, slots=True)
class Question:
    """A request and the circumstances that decide about its route.

    `request` is any JSON. `mode` is that of the endpoint; None: the one that the request is made for.
    `allowed` are the names that the key may use, None when all. `prompt_tokens` stands for a prompt of
    that size.
    """

    request: Any
    mode: str | None = None
    header: str | None = None
    allowed: Allowed = None
    down: tuple[str, ...] = ()
    prompt_tokens: int | None = None

    @property
    def body(self) -> Mapping[str, Any]:
        return self.request if isinstance(self.request, dict) else {}


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a request needs of a model, and what in the request says so."""

    name: str
    value: int | None
    because: str


def mode_of(table: Table, question: Question) -> str:
    """The endpoint that takes such a request: by its prompt's field, else by whom it asks for."""
    if question.mode:
        return question.mode
    body = question.body
    by_field = {"messages": "chat", "prompt": "completion"}
    found = next((mode for field, mode in by_field.items() if body.get(field)), None)
    if found:
        return found
    model = body.get("model")
    if isinstance(model, str) and model in table["models"]:
        modes: list[str] = table["models"][model]["modes"]
        return "chat" if "chat" in modes else modes[0]
    strategy = _strategy(table, question)
    return plain_mode(table, strategy) if strategy in table["strategies"] else "chat"


def _strategy(table: Table, question: Question) -> str:
    model = question.body.get("model")
    in_model = model[5:] if isinstance(model, str) and model.startswith("auto/") else None
    return str(
        in_model or question.body.get("routing_strategy") or question.header or table["default_strategy"]
    )


def asked_by(question: Question) -> str:
    """What of a request names its strategy: `model`, `routing_strategy`, `header` or `default`."""
    model = question.body.get("model")
    if isinstance(model, str) and model.startswith("auto/"):
        return "model"
    if question.body.get("routing_strategy"):
        return "routing_strategy"
    return "header" if question.header else "default"


def sizes(question: Question, mode: str) -> Needs | None:
    """What `decide` shall take for the request's needs; None: it is to look at the text itself."""
    if question.prompt_tokens is None:
        return None
    try:
        found = needs_of(dict(question.body), mode)
    except RefusedError:
        return None  # `decide` says the same, as a refusal
    return replace(found, prompt_tokens=question.prompt_tokens)


def needs(question: Question, found: Needs) -> Iterator[Need]:
    """The needs of a request, each with what in the request says so."""
    estimated = "estimated" if question.prompt_tokens is None else "given"
    yield Need("prompt_tokens", found.prompt_tokens, estimated)
    if found.output_tokens is not None:
        body = question.body
        field = next(name for name in _OUTPUT_FIELDS if body.get(name) is not None)
        yield Need("output_tokens", found.output_tokens, field)
    else:
        yield Need("output_tokens", None, f"no limit; an answer of {USUAL_ANSWER_TOKENS} tokens is priced")
    for capability in found.capabilities:
        yield Need(capability, None, _because(capability, question.body))


def _because(capability: str, body: Mapping[str, Any]) -> str:
    if capability == "function_calling":
        return "tools" if body.get("tools") else "functions"
    if capability == "json_mode":
        return "response_format" if body.get("response_format") else "text.format"
    return _PARTS.get(capability, "its content")
