"""Any bytes as a catalog: diagnostics or a catalog, never an exception, never a secret in what is said."""

import json
import random
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compiler import facts, reporters
from compiler.diagnostics import CODES, Span
from compiler.pipeline import Outcome, validate_text
from compiler.resources import resource
from compiler.source import Document, parse

settings.register_profile(
    "ci",
    max_examples=150,
    deadline=timedelta(seconds=20),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.large_base_example,
    ],
)
CI = settings.get_profile("ci")
MANY = settings(CI, max_examples=400)

REFERENCE = resource("catalog", "foundational-models.yaml").read_text("utf-8")
DOCUMENT = parse(REFERENCE)
assert isinstance(DOCUMENT, Document)
PLAIN = json.dumps(DOCUMENT.data)
LINES = REFERENCE.splitlines(keepends=True)
WORD = re.compile(r"[A-Za-z0-9_.@/:-]+")

# Of several shapes, and each longer than any window a reporter shows of a name.
SECRETS = (
    "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P",
    "sk-" + "ant-api03-Zx7Rt3VbN8cYw1PqWe5TyUi0OpAs-AA",
    "gsk_" + "7Rt3VbN8cYw1PqWe5TyUi0OpAsDfGhJkLzXcV4fK9aQ2LmZx",
    "AIza" + "SyD4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "ghp_" + "4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi0OpA",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "https://admin:hunter2hunter2@vllm.example.com/v1",
)
TELLING = 10  # characters in a row of a secret that nothing may repeat
PREFIXES = ("https://", "@vllm.example.com/v1")


@pytest.fixture(autouse=True, scope="module")
def _one_cost_map() -> Any:
    """The cost map is read once: its 40 ms are not what is tested."""
    known = facts.load_cost_map()
    patch = pytest.MonkeyPatch()
    patch.setattr(facts, "load_cost_map", lambda: known)
    yield
    patch.undo()


def judged(raw: bytes) -> Outcome:
    """Validates, and holds what is said to everything that is promised of it."""
    outcome = validate_text(raw, "f.yaml")
    assert outcome.catalog is not None or not outcome.ok
    lines = raw.decode("utf-8-sig", "replace").split("\n")
    for found in outcome.diagnostics:
        assert found.code in CODES
        assert found.message
        for span in (found.where, *(span for span, _ in found.related)):
            if span is not None:
                assert span.file == "f.yaml"
                assert inside(span, lines)
    said(outcome)
    return outcome


def inside(span: Span, lines: list[str]) -> bool:
    # One line and one column past the end are where something is missing.
    if not 1 <= span.line <= len(lines) + 1 or not 1 <= span.column < span.end_column:
        return False
    return span.column <= len(lines[span.line - 1]) + 2 if span.line <= len(lines) else span.column == 1


def said(outcome: Outcome) -> str:
    sources = {outcome.document.file: outcome.document.text} if outcome.document else {}
    text = reporters.text(outcome.diagnostics, sources) + reporters.text(
        outcome.diagnostics, sources, colour=True
    )
    machine = reporters.to_json(outcome.diagnostics)
    assert len(json.loads(machine)) == len(outcome.diagnostics)
    return text + json.dumps(json.loads(machine), ensure_ascii=False)


# --- anything -----------------------------------------------------------------------------------------


@MANY
@given(st.binary(max_size=400))
def test_any_bytes(raw: bytes) -> None:
    judged(raw)


@MANY
@given(st.text(max_size=400))
def test_any_text(text: str) -> None:
    judged(text.encode("utf-8", "surrogatepass"))


YAML_PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\n  ",
            "\n    ",
            "\n- ",
            ": ",
            "- ",
            "? ",
            ", ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!str ",
            "!x ",
            "|\n",
            ">-\n",
        ),
        *(
            "'",
            '"',
            "#",
            "%",
            "@",
            "`",
            "\t",
            "\r\n",
            "\r",
            "---\n",
            "...\n",
            "<<",
            "~",
            "\ufeff",
            "\u2028",
            "\u0085",
            "\\",
            "\x00",
        ),
        *(
            "apiVersion",
            "interlock/v1",
            "name",
            "providers",
            "models",
            "strategies",
            "openai",
            "gpt-4",
            "type",
            "provider",
        ),
        *(
            "candidates",
            "select",
            "order",
            "fallbacks",
            "auto",
            "1",
            "1e3",
            "no",
            "2024-08-06",
            "null",
            "true",
            "é",
            "\U0001f600",
        ),
    ]
)


@MANY
@given(st.lists(YAML_PIECES, max_size=60).map("".join))
def test_any_pieces_of_yaml(text: str) -> None:
    judged(text.encode())


# --- what JSON can say --------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["openai", "gpt-4", "none", "vertex-ai", "cost", "chat", "eu", "", "0", "-1", "1Gi", "x" * 300]
    ),
)
FIELDS = st.one_of(
    st.sampled_from(
        [
            *(
                "apiVersion",
                "name",
                "providers",
                "models",
                "strategies",
                "type",
                "provider",
                "candidates",
                "select",
            ),
            *(
                "price",
                "input",
                "output",
                "fallbacks",
                "deployments",
                "secret",
                "key",
                "api_key",
                "default",
                "4",
                "0",
            ),
        ]
    ),
    st.text(max_size=8),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@CI
@given(JSON)
def test_any_json(data: Any) -> None:
    judged(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))


def plain() -> Any:
    return json.loads(PLAIN)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in the data, by which a value can be replaced."""
    entries = (
        list(node.items())
        if isinstance(node, dict)
        else list(enumerate(node))
        if isinstance(node, list)
        else []
    )
    return [place for key, value in entries for place in ((node, key), *places(value))]


@CI
@given(st.randoms(use_true_random=False), st.lists(JSON, min_size=1, max_size=3))
def test_the_reference_with_values_replaced(random_: random.Random, values: list[Any]) -> None:
    data = plain()
    for value in values:
        container, key = random_.choice(places(data))
        container[key] = value
    judged(json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


@CI
@given(st.randoms(use_true_random=False), st.lists(FIELDS, min_size=1, max_size=4))
def test_the_reference_with_keys_renamed(random_: random.Random, names: list[str]) -> None:
    data = plain()
    for name in names:
        container, key = random_.choice([place for place in places(data) if isinstance(place[0], dict)])
        container[name] = container.pop(key)
    judged(json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


@CI
@given(st.randoms(use_true_random=False))
def test_the_reference_with_values_exchanged(random_: random.Random) -> None:
    data = plain()
    (one, here), (other, there) = random_.sample(places(data), 2)
    one[here], other[there] = other.get(there) if isinstance(other, dict) else other[there], one[here]
    try:
        text = json.dumps(data)
    except ValueError:  # a value inside itself
        return
    judged(text.encode())


# --- the reference, damaged ---------------------------------------------------------------------------


def flip_bits(random_: random.Random) -> bytes:
    raw = bytearray(REFERENCE.encode())
    for _ in range(random_.randint(1, 4)):
        raw[random_.randrange(len(raw))] ^= 1 << random_.randrange(8)
    return bytes(raw)


def cut(random_: random.Random) -> bytes:
    start = random_.randrange(len(REFERENCE))
    return (REFERENCE[:start] + REFERENCE[start + random_.randint(1, 400) :]).encode()


def truncate(random_: random.Random) -> bytes:
    return REFERENCE[: random_.randrange(len(REFERENCE))].encode()


def drop_lines(random_: random.Random) -> bytes:
    return "".join(line for line in LINES if random_.random() > 0.03).encode()


def repeat_lines(random_: random.Random) -> bytes:
    return "".join(line * (2 if random_.random() < 0.01 else 1) for line in LINES).encode()


def move_lines(random_: random.Random) -> bytes:
    lines = list(LINES)
    lines.insert(random_.randrange(len(lines)), lines.pop(random_.randrange(len(lines))))
    return "".join(lines).encode()


def indent_lines(random_: random.Random) -> bytes:
    return "".join(" " * random_.choice([0] * 60 + [1, 2]) + line for line in LINES).encode()


def swap_words(random_: random.Random) -> bytes:
    words = list(WORD.finditer(REFERENCE))
    one, other = sorted(random_.sample(words, 2), key=lambda match: match.start())
    middle = REFERENCE[one.end() : other.start()]
    swapped = REFERENCE[: one.start()] + other.group() + middle + one.group() + REFERENCE[other.end() :]
    return swapped.encode()


def misspell(random_: random.Random) -> bytes:
    match = random_.choice(list(WORD.finditer(REFERENCE)))
    word = list(match.group())
    word.insert(random_.randrange(len(word) + 1), random_.choice("aZ0_-.: \t\"'[{&*!é\u2028\U0001f600"))
    return (REFERENCE[: match.start()] + "".join(word) + REFERENCE[match.end() :]).encode()


DAMAGES = (
    flip_bits, cut, truncate, drop_lines, repeat_lines, move_lines, indent_lines, swap_words, misspell,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@settings(CI, max_examples=60)
@given(random_=st.randoms(use_true_random=False))
def test_the_reference_damaged(damage: Callable[[random.Random], bytes], random_: random.Random) -> None:
    judged(damage(random_))


def test_the_reference_itself() -> None:
    assert {d.severity for d in judged(REFERENCE.encode()).diagnostics} == {"note"}


# --- secrets ------------------------------------------------------------------------------------------


def instead_of_a_word(random_: random.Random, secret: str) -> str:
    match = random_.choice(list(WORD.finditer(REFERENCE)))
    return REFERENCE[: match.start()] + secret + REFERENCE[match.end() :]


def behind_a_line(random_: random.Random, secret: str) -> str:
    at = random_.randrange(len(LINES))
    line = LINES[at].rstrip("\n")
    return "".join(
        [*LINES[:at], f"{line} {random_.choice(['', '# ', ': ', ', '])}{secret}\n", *LINES[at + 1 :]]
    )


def as_a_line(random_: random.Random, secret: str) -> str:
    at = random_.randrange(len(LINES))
    shape = random_.choice(
        ["{}", "  {}: x", "    api_key: {}", "- {}", "    note: '{}", '  "{}"', "  ? {}", "&a *{}"]
    )
    return "".join([*LINES[:at], shape.format(secret) + "\n", *LINES[at:]])


def within_a_text(random_: random.Random, secret: str) -> str:
    text = f'"{"x" * random_.randrange(60)} {secret}"'
    twice = random_.random() < 0.3
    return f"{text}: 1\n{text}: 2\n" if twice else instead_of_a_word(random_, text)


PLANTINGS = (instead_of_a_word, behind_a_line, as_a_line, within_a_text)


@pytest.mark.parametrize("plant", PLANTINGS, ids=lambda plant: plant.__name__)
@settings(CI, max_examples=120)
@given(random_=st.randoms(use_true_random=False), secret=st.sampled_from(SECRETS))
def test_a_planted_secret_is_never_repeated(
    plant: Callable[[random.Random, str], str], random_: random.Random, secret: str
) -> None:
    outcome = judged(plant(random_, secret).encode())
    words = said(outcome)
    bare = secret.removeprefix(PREFIXES[0]).removesuffix(PREFIXES[1])
    for start in range(len(bare) - TELLING + 1):
        assert bare[start : start + TELLING] not in words


@settings(CI, max_examples=60)
@given(random_=st.randoms(use_true_random=False), secret=st.sampled_from(SECRETS))
def test_a_secret_in_the_place_of_a_value_is_refused(random_: random.Random, secret: str) -> None:
    data = plain()
    container, key = random_.choice([place for place in places(data) if isinstance(place[0][place[1]], str)])
    container[key] = secret
    outcome = judged(json.dumps(data, indent=1).encode())
    assert "IL501" in {found.code for found in outcome.diagnostics}
