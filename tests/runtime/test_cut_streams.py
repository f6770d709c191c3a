"""What becomes of a stream whose provider dies in the middle: docs/guides/litellm-versions.md, row by row."""

from collections.abc import Iterator

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

CATALOG = """
apiVersion: interlock/v1
name: cut
providers:
  openai: {type: openai, api_key: {secret: keys, key: openai}}
  anthropic: {type: anthropic, api_key: {secret: keys, key: anthropic}}
  mistral: {type: mistral, api_key: {secret: keys, key: mistral}}
models:
  of-openai: {provider: openai, context_window: 9000, fallbacks: [last]}
  of-anthropic: {provider: anthropic, context_window: 9000, fallbacks: [last]}
  last: {provider: mistral, context_window: 9000}
fallback: {cooldown: {failures: 1000}}
"""
CHAT, COMPLETIONS, RESPONSES, MESSAGES = "chat/completions", "completions", "responses", "messages"
OPENAI, ANTHROPIC = "openai", "anthropic"
# What the client gets: the next model's answer alone, the start of one and then another, an error as the last
# event of the stream, an error as the status, or a connection that breaks without a word.
NEXT, BOTH, EVENT, STATUS, BROKEN = "next", "both", "event", "status", "broken"
# endpoint, first provider: cut before any content, cut after two chunks of it
TABLE = {
    (CHAT, OPENAI): (NEXT, EVENT),
    (CHAT, ANTHROPIC): (NEXT, EVENT),
    (COMPLETIONS, OPENAI): (NEXT, EVENT),
    (COMPLETIONS, ANTHROPIC): (NEXT, EVENT),
    (RESPONSES, OPENAI): (NEXT, EVENT),
    (RESPONSES, ANTHROPIC): (NEXT, BOTH),
    (MESSAGES, OPENAI): (NEXT, EVENT),
    (MESSAGES, ANTHROPIC): (NEXT, EVENT),
}
ROWS = [(*row, 2 * after, TABLE[row][after]) for row in TABLE for after in (0, 1)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("cut")) as running:
        for endpoint, provider in TABLE:  # the first of each kind takes long, and what is cut is cut in time
            received(running, endpoint, f"of-{provider}")
        yield running


def received(gateway: DevGateways, endpoint: str, model: str) -> tuple[int, str, bool]:
    """The status, all that came, and whether the connection broke."""
    hello = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
    prompt = {COMPLETIONS: {"prompt": "hello"}, RESPONSES: {"input": "hello"}}.get(endpoint, hello)
    body = {"model": model, "stream": True, **prompt}
    url = f"{gateway.url('llm-router')}/v1/{endpoint}"
    got = b""
    with requests.post(url, json=body, stream=True, timeout=60) as response:
        try:
            for piece in response.iter_content(None):
                got += piece
        except requests.exceptions.ChunkedEncodingError:
            return response.status_code, got.decode(), True
    return response.status_code, got.decode(), False


@pytest.mark.parametrize(("endpoint", "provider", "chunks", "expected"), ROWS)
def test_a_cut_stream(gateway: DevGateways, endpoint: str, provider: str, chunks: int, expected: str) -> None:
    gateway.set_fault(provider, die_after_chunks=chunks)
    before = len(gateway.requests())
    status, got, broken = received(gateway, endpoint, f"of-{provider}")
    gateway.clear(provider)
    called = [row["provider"] for row in gateway.requests()[before:]]
    assert called == ([provider, "mistral"] if expected in (NEXT, BOTH) else [provider])
    assert (status == 200) == (expected != STATUS)
    assert broken == (expected == BROKEN)
    # a chunk is 12 characters of "[simulated openai/…", so these are the first chunks of each provider
    assert (f"[simulated {provider[0]}" in got) == (chunks > 0)
    assert ("[simulated m" in got) == (expected in (NEXT, BOTH))
    assert ('"error"' in got or "response.failed" in got) == (expected in (EVENT, STATUS))
