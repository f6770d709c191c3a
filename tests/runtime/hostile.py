"""Request bodies that no honest client sends, as raw bytes: what JSON libraries would not write is in here.

Every request is a function of its seed and number alone, so a report of one number is a way to see it again:

    hostile.request(seed, number)
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

Fields = list[tuple[str, str]]  # a JSON object in raw text, key by key; a key may stand there twice

BASES: dict[str, Fields] = {
    "/v1/chat/completions": [("messages", '[{"role":"user","content":"hi"}]')],
    "/v1/completions": [("prompt", '"hi"')],
    "/v1/embeddings": [("input", '"hi"')],
    "/v1/responses": [("input", '"hi"')],
    "/v1/messages": [("messages", '[{"role":"user","content":"hi"}]'), ("max_tokens", "16")],
}
_PATHS = tuple(BASES)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OWN = ("routing_strategy", "requirements", "model")
_OPENAI = _words("""
messages prompt input tools functions tool_choice response_format max_tokens max_completion_tokens
max_output_tokens stream stream_options user metadata temperature stop n seed logit_bias system instructions
text previous_response_id dimensions encoding_format reasoning_effort store modalities audio
parallel_tool_calls top_p
""")
# What LiteLLM itself reads in a body; a client that knows LiteLLM may try them all.
_INTERNALS = _words("""
litellm_metadata fallbacks context_window_fallbacks content_policy_fallbacks mock_response mock_timeout
mock_testing_fallbacks mock_testing_context_fallbacks mock_testing_rate_limit_error num_retries timeout
request_timeout stream_timeout max_retries max_fallbacks fallback_depth caching cache tags guardrails
litellm_logging_obj litellm_call_id litellm_trace_id litellm_session_id litellm_params proxy_server_request
secret_fields model_info model_list user_config api_base base_url api_key api_version custom_llm_provider
extra_body extra_headers headers drop_params additional_drop_params allowed_openai_params callbacks
success_callback failure_callback no-log specific_deployment deployment_id logger_fn input_cost_per_token
cooldown_time acompletion client rpm tpm priority prompt_id prompt_variables enable_json_schema_validation
original_function model_group use_litellm_proxy routing_groups policies data call_type kwargs self hook
_interlock interlock silent_model weight order retry_policy _excluded_deployment_ids
""")
_REQUIREMENTS = (
    "capabilities", "exclude_providers", "max_cost_usd", "max_latency_ms", "max_price", "min_context_window",
    "min_output_tokens", "min_quality", "providers", "residency", "unheard_of", "", "__class__",
)  # fmt: skip

# Values, as JSON text without spaces. Some are no JSON at all.
_NUMBERS = (
    *_words("""
    NaN Infinity -Infinity 1e999 -1e999 1e-999 -0 -0.0 1E400 0x10 01 1. .5 +1 18446744073709551616
    9223372036854775808 2147483648 -1 0 0.5 1e308 3.0000000000000001
    """),
    *("9" * 400, "9" * 5_000, "-" + "9" * 400),
)
_TEXTS = (
    *_words(r"""
    "\ud800" "\udfff\ud800" "a\ud83d" "\u0000" "a\u0000b" "\u202eevil\u202c" "\ufeffhi" "\u200b\u200d\u2060"
    "\uffff\ufffe" "\r\nx-evil:1" "\u0085\u2028\u2029" "\u001b[31m" "%s%n{0}{{}}" "$(id)`id`" "'OR/**/1=1--"
    "../../etc/passwd" "os.environ/HOME" "auto/" "auto/\ud800" "auto//" "AUTO" "litellm_proxy/good" "*"
    "openai/*"
    """),
    # not escaped: four-byte letters, joined emoji, marks on marks, ligatures, letters that change with case
    *(
        f'"{text}"'
        for text in (
            "\U0001d518\U0001d52b",
            "\U0001f469\u200d\U0001f469\u200d\U0001f466",
            "e\u0301\u0327\u0323",
            "\ufdfa\ufdfd",
            "\u0131\u0130\u017fK",
        )
    ),
)
_WRONG = _words(r"""
null true false 0 -1 1.5 1e308 "" "x" [] {} [[]] [null] [{}] [1,2] ["x"] [["x"]] {"":""} {"a":null} [true,{}]
{"type":null} {"type":["json"]} {"type":{"a":1}} [{"type":"function"}] [{"type":"function","function":1}]
[{"role":"user"}] [{"role":null,"content":null}] [{"role":"user","content":1}] [{"content":"x"}]
[{"role":"wizard","content":"x"}] [{"role":"user","content":[{}]}] [{"role":"user","content":{"a":1}}]
[{"role":"user","content":[{"type":1}]}] [{"role":"user","content":[{"type":"image_url"}]}]
[{"role":"user","content":[{"type":"text","text":null}]}] [{"role":"tool","content":"x"}]
[{"role":"assistant","tool_calls":"x"}] [[[1,2],[3]]] {"input":-1} {"input":1,"output":"x"}
""")
_NO_OBJECTS = (
    *("", " ", "\n\n", "\x00", "9" * 5_000),
    *_words(r"""
    null true 0 -0 1e999 NaN "" "hi" [] [{}] [[[]]] "\ud800" ["messages"] [["model","good"]] undefined
    None { } {}
    """),
)
_BYTES = (b"\xff", b"\xc0\x80", b"\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\xfe\xff")
_HEADERS = (
    "x-routing-strategy", "x-routing-strategy", "x-interlock-hop", "x-litellm-tags", "x-litellm-timeout",
    "x-litellm-num-retries", "x-litellm-call-id", "x-litellm-enable-message-redaction",
)  # fmt: skip
_HEADER_TEXTS = (
    "", " ", "fast,fast", "x" * 4_000, "\ufb01", "\xff\xfe", "fast\t", "auto/fast", "null", '{"a":1}', "FAST",
    "code;q=1",
)  # fmt: skip
_TYPES = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "multipart/form-data", "application/json; charset=utf-16", "application/protobuf", "",
    "application/jsonl", "a/b/c;;;",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request; `kind` says what is odd about it, and `number` (with the seed) names it for good."""

    number: int
    kind: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def request(seed: int, number: int) -> Hostile:
    """Request `number` of the endless list of `seed`. A few in a thousand are of some megabytes."""
    random = Random(f"{seed}/{number}")  # noqa: S311  # no secret
    path = random.choice(_PATHS)
    makers, weights = zip(*_KINDS, strict=True)
    kind, body, headers = random.choices(makers, weights)[0](random, path)
    return Hostile(number, kind, path, body, {"content-type": "application/json", **headers})


# --- pieces of JSON text -------------------------------------------------------------------------------

Made = tuple[str, bytes, dict[str, str]]  # kind, body, headers


def _dumped(fields: Fields) -> bytes:
    return ("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in fields) + "}").encode()


def _with(fields: Fields, key: str, value: str) -> Fields:
    return [*((k, v) for k, v in fields if k != key), (key, value)]


def _value(random: Random) -> str:
    return random.choice(random.choice((_WRONG, _WRONG, _TEXTS, _NUMBERS)))


def _base(random: Random, path: str) -> Fields:
    """A good request, which half of the time names a model or a strategy."""
    legal = [
        ("model", '"good"'),
        ("model", '"auto/fast"'),
        ("routing_strategy", '"fast"'),
        ("stream", "true"),
    ]
    fields = list(BASES[path])
    if random.random() < 0.5:
        fields = _with(fields, *random.choice(legal))
    if path == "/v1/embeddings":
        fields = [
            (key, '"vector"' if key == "model" else value)
            for key, value in fields
            if key != "routing_strategy"
        ]
    return fields


def _nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + "0" + closing * depth


# --- the kinds -----------------------------------------------------------------------------------------


def _wrong_field(names: Sequence[str], kind: str) -> Callable[[Random, str], Made]:
    def make(random: Random, path: str) -> Made:
        name = random.choice(names)
        return f"{kind}: {name}", _dumped(_with(_base(random, path), name, _value(random))), {}

    return make


def _wrong_requirement(random: Random, path: str) -> Made:
    name = random.choice(_REQUIREMENTS)
    wanted = f"{{{json.dumps(name)}:{_value(random)}}}"
    return f"requirement: {name}", _dumped(_with(_base(random, path), "requirements", wanted)), {}


def _several(random: Random, path: str) -> Made:
    fields = _base(random, path)
    for name in random.sample((*_OWN, *_OPENAI, *_INTERNALS), random.randint(2, 6)):
        fields = _with(fields, name, _value(random))
    return "several fields", _dumped(fields), {}


def _deep(random: Random, path: str) -> Made:
    name = random.choice((*_OWN, *_OPENAI, *_INTERNALS))
    opening, closing = random.choice(
        (("[", "]"), ('{"a":', "}"), ('[{"content":', "}]"), ('{"type":[', "]}"))
    )
    deep = _nested(random.choice((100, 500, 1_000, 3_000, 10_000)), opening, closing)
    return "deep", _dumped(_with(_base(random, path), name, deep)), {}


def _huge(random: Random, path: str) -> Made:
    size = random.choice((100_000, 1_000_000, 3_000_000))
    name = random.choice(
        (*_OWN, "messages", "prompt", "input", "tools", "metadata", "user", "stop", "fallbacks")
    )
    values = (
        lambda: '"' + "x" * size + '"',
        lambda: '"' + "\U0001d518" * (size // 4) + '"',
        lambda: "[" + ",".join(["0"] * (size // 4)) + "]",
        lambda: "[" + ",".join(['{"role":"user","content":"x"}'] * (size // 300)) + "]",
        lambda: "{" + ",".join(f'"k{n}":0' for n in range(size // 40)) + "}",
    )
    return "huge", _dumped(_with(_base(random, path), name, random.choice(values)())), {}


def _many_keys(random: Random, path: str) -> Made:
    extra = [(f"{random.choice('abc')}{n}", "1") for n in range(random.choice((10, 1_000, 5_000)))]
    return "many keys", _dumped([*_base(random, path), *extra]), {}


def _odd_key(random: Random, path: str) -> Made:
    text = _dumped(_base(random, path)).decode()
    return "odd key", (text[:-1] + f",{random.choice(_TEXTS)}:{_value(random)}}}").encode(), {}


def _odd_text(random: Random, path: str) -> Made:
    text = random.choice(_TEXTS)
    message = f'[{{"role":"user","content":{text}}}]'
    where = {"messages": message, "prompt": text, "input": text}
    fields = [(key, where.get(key, value)) for key, value in _base(random, path)]
    return "odd text in the prompt", _dumped(fields), {}


def _twice(random: Random, path: str) -> Made:
    fields = _base(random, path)
    name, value = random.choice(
        [*fields, ("model", '"good"'), ("routing_strategy", '"fast"'), ("requirements", "{}")]
    )
    pair = [(name, value), (name, _value(random))]
    random.shuffle(pair)
    return "a key twice", _dumped([*fields, *pair]), {}


def _broken_json(random: Random, path: str) -> Made:
    text = _dumped(_base(random, path)).decode()
    at = random.randrange(len(text))
    broken = (
        text[:at],
        text[:at] + random.choice("{}[]\",:\\'\x00\x07\x7f/#") + text[at:],
        text[:at] + text[at + 1 :],
        text.replace('"', "'"),
        text[:-1] + ",}",
        text + random.choice(("x", "{}", "\x00", "//")),
        "\ufeff" + text,
        "// hello\n" + text,
        "data: " + text,
        text.encode("utf-16").decode("latin-1"),
    )
    return "broken JSON", random.choice(broken).encode(), {}


def _broken_utf8(random: Random, path: str) -> Made:
    raw = _dumped(_base(random, path))
    at = random.randrange(len(raw))
    return "broken UTF-8", raw[:at] + random.choice(_BYTES) + raw[at:], {}


def _not_an_object(random: Random, path: str) -> Made:
    listed = "[" + _dumped(_base(random, path)).decode() + "]"
    text = random.choice((*_NO_OBJECTS, listed, _nested(10_000, "[", "]")))
    return "not an object", text.encode(), {}


def _odd_header(random: Random, path: str) -> Made:
    name = random.choice(_HEADERS)
    return f"header: {name}", _dumped(_base(random, path)), {name: random.choice(_HEADER_TEXTS)}


def _odd_type(random: Random, path: str) -> Made:
    return "content type", _dumped(_base(random, path)), {"content-type": random.choice(_TYPES)}


_KINDS: tuple[tuple[Callable[[Random, str], Made], float], ...] = (
    (_wrong_field(_OWN, "field"), 16),
    (_wrong_field(_OPENAI, "field"), 20),
    (_wrong_field(_INTERNALS, "internal"), 14),
    (_wrong_requirement, 14),
    (_several, 6),
    (_deep, 3),
    (_huge, 0.3),
    (_many_keys, 0.7),
    (_odd_key, 3),
    (_odd_text, 4),
    (_twice, 4),
    (_broken_json, 5),
    (_broken_utf8, 3),
    (_not_an_object, 3),
    (_odd_header, 3),
    (_odd_type, 1),
)
