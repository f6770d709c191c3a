"""What `validate --fix` makes of a catalog: the one thing that was meant, or nothing."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import emit
from compiler.diagnostics import ILLEGAL_VALUE, Diagnostic, Edit, Severity, Span
from compiler.fixing import MAX_ROUNDS, fixed
from compiler.pipeline import validate_text
from compiler.schema_fixes import exact_number
from compiler.typos import surely

CATALOGS = sorted(Path(__file__).resolve().parents[1].glob("errors/*/catalog.*"))
HEAD = """\
apiVersion: interlock/v1
name: gateway   # ours
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
"""
MODELS = """\
models:
  gpt-5.4: {provider: openai}
  claude-sonnet-5: {provider: anthropic}
"""
ROUTES = """\
strategies:
  # the good ones
  quality:   {candidates: [claude-sonnet-5, gpt-5.4]}  # two vendors
"""
WHOLE = HEAD + MODELS + ROUTES


def judged(raw: bytes, name: str) -> list[Diagnostic]:
    return validate_text(raw, name).diagnostics


def mended(text: str) -> tuple[str, list[str]]:
    new, done = fixed(text.encode(), "c.yaml", judged)
    again, more = fixed(new, "c.yaml", judged)
    assert (again, more) == (new, [])
    return new.decode(), done


def errors(raw: bytes) -> set[tuple[str, str]]:
    return {(d.code, d.message) for d in judged(raw, "c.yaml") if d.severity == "error"}


# --- each kind: what is written, what should stand there, what is said ----------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[claude-sonnet-5", "[claude-sonet-5", "replace 'claude-sonet-5' by 'claude-sonnet-5'"),
        ("gpt-5.4: {provider: openai}", "gpt-5.4: {provider: open-ai}", "replace 'open-ai' by 'openai'"),
        ("models:", "modles:", "rename 'modles' to 'models'"),
        ("strategies:", "Strategies:", "rename 'Strategies' to 'strategies'"),
        (
            "{provider: openai}",
            "{provider: openai, contextWindow: 8192}",
            "rename 'contextWindow' to 'context_window'",
        ),
        ("type: openai", "type: OpenAI", "replace 'OpenAI' by 'openai'"),
        ("{type: anthropic", "{type: antropic", "replace 'antropic' by 'anthropic'"),
        ("{provider: openai}", '{provider: openai, context_window: "8192"}', 'replace "8192" by 8192'),
        ("{provider: openai}", "{provider: openai, context_window: 200k}", "replace 200k by 200000"),
        ("{provider: openai}", "{provider: openai, modes: chat}", "replace chat by [chat]"),
        ("{provider: openai}", "{provider: openai, modes: [chat, chat]}", "remove the second 'chat'"),
        (
            "{provider: openai}",
            "{provider: openai, lifecycle: {retires_on: 2031/9/4}}",
            "replace '2031/9/4' by '2031-09-04'",
        ),
        ("models:", "target: {kubernetes: 1.34}\nmodels:", 'replace 1.34 by "1.34"'),
        ("{candidates", "{default: yes, candidates", "replace yes by true"),
        ("{candidates", "{default: 'On', candidates", "replace 'On' by true"),
    ],
)  # fmt: skip
def test_what_only_one_thing_can_have_been_meant_by(right: str, wrong: str, said: str) -> None:
    text = WHOLE.replace(right, wrong)
    assert text != WHOLE
    new, done = mended(text)
    assert not errors(new.encode())
    assert [line.split(": ", 2)[2] for line in done] == [said]
    changed = [(a, b) for a, b in zip(text.splitlines(), new.splitlines(), strict=True) if a != b]
    assert len(changed) == 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("gpt-5.4]", "gpt-5]"),  # another version is another model
        ("gpt-5.4]", "gpt-5.5]"),
        ("gpt-5.4]", "gpt-5.4o]"),
        ("[claude-sonnet-5", "[claude-opus-5"),
        ("[claude-sonnet-5", "[claude-sonnet-4"),
        ("[claude-sonnet-5", "[*name"),  # a syntax error
        ("apiVersion: interlock/v1", "apiVersion: interlock/v2"),
        ("models:", "target: {kubernetes: 1.3}\nmodels:"),  # 1.3, or 1.30?
        ("models:", "target: {litellm: {version: 1.106}}\nmodels:"),
        ("{provider: openai}", "{provider: openai, context_window: 8k}"),  # 8,000 or 8,192?
        ("{provider: openai}", '{provider: openai, context_window: "1,000"}'),
        ("{provider: openai}", '{provider: openai, context_window: "0"}'),  # not one that is legal
        ("{provider: openai}", "{provider: openai, context_window: 1.5e0}"),
        ("{provider: openai}", "{provider: openai, quality: 017}"),
        ("{provider: openai}", "{provider: openai, modes: chat completion}"),
        ("{provider: openai}", "{provider: openai, capabilities: [tools]}"),
        ("{provider: openai}", "{provider: openai, lifecycle: {retires_on: 4.9.2031}}"),
        ("{provider: openai}", "{provider: openai, lifecycle: {retires_on: 2031/13/4}}"),
        ("{provider: openai}", "{provider: openai, context_window: 9, contextWindow: 8}"),
        ("{candidates", "{default: maybe, candidates"),
        ("{type: openai,", "{type: opnai, base_url: sk-0123456789abcdefghij,"),
    ],
)  # fmt: skip
def test_what_is_left_to_its_author(right: str, wrong: str) -> None:
    text = WHOLE.replace(right, wrong)
    assert text != WHOLE
    if "opnai" in wrong:
        assert all("sk-" not in line for line in mended(text)[1])
        return
    assert errors(text.encode())
    assert mended(text) == (text, [])


def test_two_names_that_are_nearly_as_close() -> None:
    models = "models:\n  team-prose: {provider: openai}\n  team-probe: {provider: openai}\n"
    text = HEAD + models + "strategies: {quality: {candidates: [team-proe]}}\n"
    assert mended(text) == (text, [])


def test_a_definition_that_may_be_the_one_with_the_slip() -> None:
    routes = ROUTES + "  fast: {candidates: [claude-sonnet-5]}\n"
    text = HEAD + MODELS.replace("sonnet", "sonet") + routes
    assert mended(text) == (text, [])
    assert mended(HEAD + MODELS + routes.replace("sonnet", "sonet", 1))[0] == HEAD + MODELS + routes


# --- the rest of the file -------------------------------------------------------------------------------

BLOCK = (
    HEAD
    + MODELS
    + """\
strategies:
  quality:
    # in this order
    candidates:
      - claude-sonet-5   # first
      - gpt-5.4
      - gpt-5.4          # again

  'cost' : { order : "Cost" }   # the cheapest
"""
)


def test_a_block_with_comments() -> None:
    new, done = mended(BLOCK)
    right = BLOCK.replace("sonet", "sonnet").replace("      - gpt-5.4          # again\n", "")
    assert new == right.replace('"Cost"', '"cost"')
    assert done == [
        "c.yaml:13: fixed IL301: replace 'claude-sonet-5' by 'claude-sonnet-5'",
        "c.yaml:15: fixed IL205: remove the second 'gpt-5.4'",
        "c.yaml:17: fixed IL204: replace 'Cost' by 'cost'",
    ]


def test_line_ends_and_the_byte_order_mark_stay() -> None:
    raw = b"\xef\xbb\xbf" + BLOCK.replace("\n", "\r\n").encode()
    new, _ = fixed(raw, "c.yaml", judged)
    assert new == b"\xef\xbb\xbf" + mended(BLOCK)[0].replace("\n", "\r\n").encode()


def test_wide_characters_before_a_typo() -> None:
    text = WHOLE.replace(
        "{candidates: [claude-sonnet", '{description: "日本 😀 é", candidates: [claude-sonet'
    )
    assert mended(text)[0] == text.replace("sonet", "sonnet")


def test_a_value_that_two_places_share_stays() -> None:
    routes = (
        "strategies:\n  quality: {candidates: &all [claude-sonet-5, gpt-5.4]}\n  cost: {candidates: *all}\n"
    )
    assert mended(HEAD + MODELS + routes) == (HEAD + MODELS + routes, [])


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a: [", b"- 1", b"a: 1\na: 1\n", b"\xef\xbb\xbf"])
def test_what_is_no_catalog_comes_back_as_it_is(raw: bytes) -> None:
    assert fixed(raw, "c.yaml", judged) == (raw, [])


# --- harm ----------------------------------------------------------------------------------------------


def offering(*edits: tuple[str, str], severity: Severity = "error") -> Any:
    """A judge that knows words only: each wrong one is an error whose fix is to write the other."""
    code = replace(ILLEGAL_VALUE, severity=severity)

    def judge(raw: bytes, name: str) -> Sequence[Diagnostic]:
        lines = raw.decode().split("\n")
        found = []
        for number, line in enumerate(lines, start=1):
            for wrong, new in edits:
                if wrong in line:
                    at = line.index(wrong) + 1
                    edit = Edit(name, number, at, number, at + len(wrong), new)
                    error = code.at(Span(name, number, at, at + 1), f"{wrong} is wrong")
                    found.append(error.with_fix(f"{wrong} to {new}", edit) if new else error)
        return found

    return judge


def test_a_fix_that_leads_to_a_new_error_is_dropped_alone() -> None:
    judge = offering(("aaa", "bad"), ("bad", ""), ("ccc", "good"))
    assert fixed(b"x: aaa\ny: ccc\n", "f", judge) == (b"x: aaa\ny: good\n", ["f:2: fixed IL204: ccc to good"])


def test_a_fix_after_which_nothing_can_be_parsed_is_dropped() -> None:
    judge = offering(("aaa", "["), ("ccc", "good"))
    assert fixed(b"x: aaa\ny: ccc\n", "f", judge) == (b"x: aaa\ny: good\n", ["f:2: fixed IL204: ccc to good"])


def test_a_fix_that_mends_nothing_is_dropped() -> None:
    assert fixed(b"x: aaa\n", "f", offering(("aaa", "aaab"))) == (b"x: aaa\n", [])


def test_fixes_that_lead_to_others_end() -> None:
    chain = offering(*((f"a{n}.", f"a{n + 1}.") for n in range(99)), severity="warning")
    assert fixed(b"x: a0.\n", "f", chain)[0] == b"x: a%d.\n" % MAX_ROUNDS


def test_fixes_that_cross_are_made_one_after_the_other() -> None:
    assert fixed(b"x: abc\n", "f", offering(("abc", "bc"), ("bc", "d")))[0] == b"x: d\n"


def test_more_typos_than_one_list_holds() -> None:
    models = "".join(f"  m{n}: {{provider: openai, contextWindow: 8192}}\n" for n in range(250))
    text = HEAD + "models:\n" + models + "strategies: {quality: {}}\n"
    new, done = mended(text)
    assert new == text.replace("contextWindow", "context_window")
    assert len(done) == 250


# --- every broken catalog, and random ones --------------------------------------------------------------


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parent.name)
def test_no_broken_catalog_gets_worse(path: Path) -> None:
    raw = path.read_bytes()
    before = judged(raw, "c.yaml")
    new, done = fixed(raw, "c.yaml", judged)
    assert fixed(new, "c.yaml", judged) == (new, [])
    assert (new == raw) == (done == [])
    if not any(diagnostic.fix for diagnostic in before):
        assert new == raw
    stages = {code[:3] for code, _ in errors(raw)}
    fresh = errors(new) - errors(raw)
    assert all(code[:3] > max(stages) for code, _ in fresh), "an error that the old ones did not hide"


NAMES = ("claude-sonnet-5", "gemini-embedding-é", "日本-mistral-large", "command-r-plus", "text-bison@002")
LEGAL = [name for name in NAMES if name.isascii()]


@st.composite
def catalogs(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.permutations(LEGAL))
    models = {name: {"provider": "openai", "context_window": draw(st.integers(1, 10**6))} for name in names}
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    words = draw(st.text("aé日😀\"'#: ", max_size=9)) + "."
    strategy = {"description": words, "candidates": chosen, "order": "context_window"}
    return {
        "apiVersion": "interlock/v1",
        "name": "gateway",
        "providers": {
            "openai": {"type": "openai", "api_key": {"secret": "openai-api-key", "key": "api-key"}}
        },
        "models": models,
        "strategies": {"quality": strategy},
    }


def misspelt(word: str, dice: random.Random) -> str:
    """One slip inside the longest run of letters of a word."""
    start = max((i for i in range(len(word) - 4) if word[i : i + 5].isalpha()), default=None)
    assert start is not None
    at = start + dice.randrange(1, 4)
    slips = [word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + "q" + word[at + 1 :]]
    return dice.choice(slips)


@settings(max_examples=40, deadline=None)
@given(data=catalogs(), flow=st.booleans(), dice=st.randoms(use_true_random=False))
def test_a_slip_of_the_pen_is_undone_exactly(data: dict[str, Any], flow: bool, dice: random.Random) -> None:
    text = emit.document(data)
    if flow:
        text = text[: text.index("strategies:")] + f"strategies: {emit.scalar(data['strategies'])}\n"
    words = [data["strategies"]["quality"]["candidates"][0], "context_window", "candidates", "strategies"]
    word = dice.choice(words)
    end = text.rindex(word) + len(word)
    wrong = text[: end - len(word)] + misspelt(word, dice) + text[end:]
    assert fixed(wrong.encode(), "c.yaml", judged)[0].decode() == text


# --- what is sure -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *((text, text) for text in ("8192", "0", "3.50", "-1")),
        ("1_000", "1000"),
        ("1_000_000", "1000000"),
        ("1e6", "1000000"),
        ("1E+6", "1000000"),
        ("1.28e5", "128000"),
        ("1.2345e3", "1234.5"),
        ("0.5e1", "5"),
        ("200k", "200000"),
        ("1.5k", "1500"),
        *((text, None) for text in ("", "8k", "128k", "1M", "017", "1,000", "1_0", "0x10")),
        *((text, None) for text in ("1e-3", "$3", "1e99", "1e3k", "½", "٣")),
    ],
)  # fmt: skip
def test_an_exact_number(text: str, number: str | None) -> None:
    assert exact_number(text) == number


@pytest.mark.parametrize(
    ("word", "legal", "meant"),
    [
        ("gpt4", ["gpt-4", "gpt-4o"], "gpt-4"),
        ("gpt-4", ["gpt-4o"], None),
        ("GPT-4", ["gpt-4", "gpt4"], None),
        ("text-bison", ["chat-bison", "code-bison"], None),
        ("claude-3-opsu", ["claude-3-opus"], None),  # a word of four letters: too short to be sure
        ("mistral-larg", ["mistral-large"], "mistral-large"),
        ("mistarl-large", ["mistral-large"], "mistral-large"),
        ("mistral-larg", ["mistral-large", "mistral-largo"], None),
        ("capabilites", ["capabilities"], "capabilities"),
        ("capablites", ["capabilities"], "capabilities"),
        ("capblites", ["capabilities"], None),
        ("maxOutputToken", ["max_output_tokens"], "max_output_tokens"),
        ("rpm", ["tpm"], None),
        ("1234", ["12345"], None),
        ("", ["a"], None),
        ("---", ["a"], None),
    ],
)
def test_what_was_surely_meant(word: str, legal: list[str], meant: str | None) -> None:
    assert surely(word, legal) == meant
