"""Broken catalogs, made of others by their bytes, their lines and words, or their data; repeatable."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from compiler.source import Document, parse

ROOT = Path(__file__).resolve().parent.parent
GOOD = ("catalog/*.yaml", "tests/golden/*/catalog.yaml")
BAD = ("tests/errors/*/catalog.*",)

MAX_GROWN = 500_000  # bytes, about, that are added where something is repeated
MAX_DEEP = 80  # levels of one nest: more than a catalog may have

_WORD = re.compile(r"[A-Za-z0-9_.@/:-]+")
_PIECES = (
    *(
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "\n",
        "  ",
        "\t",
        "#",
        "'",
        '"',
        "|\n",
        ">-\n",
        "? ",
        "! ",
        "!!str ",
    ),
    *(
        "&a ",
        "*a",
        "<<: *a\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "~",
        "null",
        "\r\n",
        "\r",
        "\ufeff",
        "\u2028",
        "\x00",
    ),
    *("no", "1e3", "017", "12:30", "2024-08-06", ".inf", "{{ x }}", "é", "\U0001f600", "a: &a [*a, *a]\n"),
)
_ODD_BYTES = (
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xe2\x80\xa8",
)
_ODD_NAMES = (
    *(
        "",
        " ",
        "a b",
        "A",
        "__proto__",
        "..",
        "../../etc/passwd",
        "auto",
        "auto/x",
        "null",
        "true",
        "1",
        "-",
        "<<",
        "=",
    ),
    *(
        "${HOME}",
        "{{ x }}",
        "os.environ/KEY",
        "%s%n",
        "a\nb",
        "\x00",
        "é",
        "\U0001f600",
        "\u202e",
        "a" * 300,
        "a" * 20_000,
    ),
    *(
        "simple-shuffle",
        "default",
        "llm-router",
        "kube-system",
        "gpt-4",
        "text-bison@002",
        "model_list",
        "num_retries",
    ),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e-300, 1e308, 1e22, 2**31, 2**63, 10**18, 10**300),
    *(float("inf"), float("nan"), [], {}, [[]], [{}], {"": None}, [None], {"secret": "s", "key": "k"}),
    *("none", "1Gi", "1e3", "http://x", "http://user:hunter2hunter2@x", "2024-13-45", "9999-12-31", "eu"),
    *("1.106.2", "1.82.7", "99999999999Ei"),
)


@dataclass(frozen=True, slots=True)
class Seed:
    """A catalog to break. `data` is None when it is no YAML."""

    name: str
    raw: bytes
    data: Any


def seeds() -> tuple[list[Seed], list[Seed]]:
    """The catalogs that compile, and those that do not."""
    return [*_seeds(GOOD)], [*_seeds(BAD)]


def _seeds(patterns: tuple[str, ...]) -> Iterator[Seed]:
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        raw = path.read_bytes()
        document = parse(raw)
        data = document.data if isinstance(document, Document) else None
        yield Seed(path.relative_to(ROOT).as_posix(), raw, data)


def mutant(good: list[Seed], bad: list[Seed], random: Random) -> tuple[str, bytes]:
    """One broken catalog, and how it was broken."""
    pool = good if random.random() < 0.7 else bad
    seed, other = random.choice(pool), random.choice(good + bad)
    kind = random.choices(("bytes", "tokens", "structure"), (2, 3, 5))[0]
    if kind == "structure" and isinstance(seed.data, dict | list):
        return kind, _structure(seed.data, other.data, random)
    if kind == "bytes":
        return kind, _bytes(seed.raw, other.raw, random)
    return "tokens", _tokens(seed.raw, other.raw, random)


# --- bytes --------------------------------------------------------------------------------------------------


def _bytes(raw: bytes, other: bytes, random: Random) -> bytes:
    for _ in range(random.randint(1, 4)):
        raw = random.choices(_OF_BYTES, (6, 3, 3, 3, 6, 1))[0](raw or b"a", other or b"b", random)
    return raw


def _flip(raw: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << random.randrange(8)]) + raw[at + 1 :]


def _truncate(raw: bytes, _: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw))]


def _cut(raw: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(raw))
    return raw[:at] + raw[at + random.randint(1, 200) :]


def _splice(raw: bytes, other: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw))] + other[random.randrange(len(other)) :]


def _insert(raw: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(raw))
    new = random.choice((*_ODD_BYTES, random.randbytes(random.randint(1, 20))))
    return raw[:at] + new + raw[at:]


def _repeat(raw: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(raw))
    piece = raw[at : at + random.choice((1, 3, 40, 400))]
    grown = int(2 ** random.uniform(1, MAX_GROWN.bit_length()))  # small ones as often as large ones
    return raw[:at] + piece * max(2, grown // len(piece)) + raw[at:]


_OF_BYTES = (_flip, _truncate, _cut, _splice, _insert, _repeat)


# --- lines and words ----------------------------------------------------------------------------------------


def _tokens(raw: bytes, other: bytes, random: Random) -> bytes:
    text, donor = raw.decode("utf-8", "replace"), other.decode("utf-8", "replace")
    for _ in range(random.randint(1, 5)):
        text = random.choice(_OF_TOKENS)(text or "a: 1\n", donor or "b: 2\n", random)
    return text.encode("utf-8", random.choice(("replace", "surrogatepass")))


def _at_lines(edit: Callable[[list[str], list[str], Random], None]) -> Callable[[str, str, Random], str]:
    def edited(text: str, donor: str, random: Random) -> str:
        lines = text.splitlines(keepends=True) or [""]
        edit(lines, donor.splitlines(keepends=True) or [""], random)
        return "".join(lines)

    return edited


def _swap_lines(lines: list[str], _: list[str], random: Random) -> None:
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]


def _double_lines(lines: list[str], _: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    lines[at:at] = lines[at : at + random.choice((1, 1, 2, 5, 50))] * random.choice((1, 1, 1, 3, 200))


def _drop_lines(lines: list[str], _: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    del lines[at : at + random.choice((1, 1, 2, 5))]


def _indent(lines: list[str], _: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    for number in range(at, min(len(lines), at + random.choice((1, 1, 3, 10)))):
        lines[number] = random.choice((" ", "  ", "    ", "\t", "-", "- ")) + lines[number]


def _dedent(lines: list[str], _: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    lines[at] = lines[at][random.randint(1, 4) :]


def _take_lines(lines: list[str], donor: list[str], random: Random) -> None:
    at, there = random.randrange(len(lines)), random.randrange(len(donor))
    lines[at:at] = donor[there : there + random.choice((1, 3, 20))]


def _swap_words(text: str, donor: str, random: Random) -> str:
    words, others = list(_WORD.finditer(text)), _WORD.findall(random.choice((text, donor)))
    if not words or not others:
        return text
    match = random.choice(words)
    return text[: match.start()] + random.choice(others) + text[match.end() :]


def _put_piece(text: str, _: str, random: Random) -> str:
    at = random.randrange(len(text))
    return text[:at] + random.choice(_PIECES) + text[at + random.choice((0, 0, 1)) :]


_OF_TOKENS = (
    *(_at_lines(edit) for edit in (_swap_lines, _double_lines, _drop_lines, _indent, _dedent, _take_lines)),
    *(_swap_words, _swap_words, _put_piece, _put_piece),
)


# --- the data -----------------------------------------------------------------------------------------------


def _structure(data: Any, other: Any, random: Random) -> bytes:
    data = copy.deepcopy(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        places = _places(data)
        if not places:
            break
        random.choices(_OF_DATA, (6, 8, 3, 3, 3, 3, 4, 4, 4, 1, 1))[0](places, other, random)
    return _dumped(data, random)


_Place = tuple[Any, Any]  # a container, and the key or the index of one of its values


def _places(data: Any) -> list[_Place]:
    found: list[_Place] = []
    stack = [data]
    while stack and len(found) < 5000:
        node = stack.pop()
        if isinstance(node, dict | list):
            for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
                found.append((node, key))
                stack.append(value)
    return found


def _replace(places: list[_Place], _: Any, random: Random) -> None:
    container, key = random.choice(places)
    container[key] = copy.deepcopy(random.choice((*_ODD_VALUES, *_ODD_NAMES)))


def _graft(places: list[_Place], other: Any, random: Random) -> None:
    """What stands under the same key elsewhere: most of these are catalogs still."""
    container, key = random.choice(places)
    same = [donor[name] for donor, name in _places(other) + places if name == key]
    container[key] = copy.deepcopy(random.choice(same))


def _delete(places: list[_Place], _: Any, random: Random) -> None:
    container, key = random.choice(places)
    del container[key]


def _double(places: list[_Place], _: Any, random: Random) -> None:
    container, key = random.choice(places)
    _add(container, f"{key}-2", container[key], random)


def _move(places: list[_Place], other: Any, random: Random) -> None:
    source, key = random.choice(
        _places(other) if isinstance(other, dict) and random.random() < 0.3 else places
    )
    target, there = random.choice(places)
    value = copy.deepcopy(source[key])
    if random.random() < 0.5:
        target[there] = value
    else:
        _add(target, str(key), value, random)


def _swap(places: list[_Place], _: Any, random: Random) -> None:
    (one, here), (two, there) = random.choice(places), random.choice(places)
    one[here], two[there] = copy.deepcopy(two[there]), copy.deepcopy(one[here])


def _rename(places: list[_Place], _: Any, random: Random) -> None:
    maps = [place for place in places if isinstance(place[0], dict)]
    container, key = random.choice(maps or [({"a": 1}, "a")])
    names = [str(name) for _, name in places]
    misspelt = key[: len(key) // 2] + random.choice("aZ_- ") + key[len(key) // 2 + random.randint(0, 1) :]
    container[random.choice((random.choice(names), random.choice(_ODD_NAMES), misspelt))] = container.pop(key)


def _refer(places: list[_Place], _: Any, random: Random) -> None:
    """Another name of the file in the place of a text."""
    texts = [place for place in places if isinstance(place[0][place[1]], str)]
    container, key = random.choice(texts or places)
    container[key] = random.choice([str(name) for _, name in places])


def _retype(places: list[_Place], _: Any, random: Random) -> None:
    container, key = random.choice(places)
    value = container[key]
    container[key] = random.choice(
        (
            [value],
            {"a": value},
            str(value)[:1000],
            len(str(value)),
            None,
            [value, value],
            f"{value}"[:50] + " ",
        )
    )


def _nest(places: list[_Place], _: Any, random: Random) -> None:
    container, key = random.choice(places)
    for _level in range(random.randint(1, MAX_DEEP)):
        container[key] = [container[key]] if random.random() < 0.5 else {str(key): container[key]}


def _widen(places: list[_Place], _: Any, random: Random) -> None:
    container, key = random.choice(places)
    value = container[key]
    most = max(2, MAX_GROWN // (20 + len(str(value)[:MAX_GROWN])))
    count = random.choice((2, 12, 105, 1005, 20_000))
    if random.random() < 0.5:
        container[key] = [value] * min(count, most)
    elif isinstance(container, dict):
        container.update({f"{key}-{number}": value for number in range(min(count, most))})


_OF_DATA = (_replace, _graft, _delete, _double, _move, _swap, _rename, _refer, _retype, _nest, _widen)


def _add(container: Any, key: str, value: Any, random: Random) -> None:
    if isinstance(container, dict):
        container[key] = copy.deepcopy(value)
    else:
        container.insert(random.randint(0, len(container)), copy.deepcopy(value))


def _is_huge(data: Any) -> bool:
    """Whether there are very many values once what is shared is written out each time."""
    stack, seen = [data], 0
    while stack and seen < MAX_GROWN:
        node = stack.pop()
        seen += 1
        if isinstance(node, dict | list):
            stack.extend(node.values() if isinstance(node, dict) else node)
    return bool(stack)


def _dumped(data: Any, random: Random) -> bytes:
    """As YAML, shared values as aliases, or as JSON."""
    try:
        if random.random() < 0.4 or _is_huge(data):  # JSON has no aliases: a bomb of them would go off here
            flow = random.choice((False, None, True))
            text = yaml.dump(data, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True)
        else:
            text = json.dumps(data, ensure_ascii=random.random() < 0.5, indent=random.choice((None, 1)))
    except (yaml.YAMLError, RecursionError, ValueError, UnicodeError):  # no writer takes it: as Python would
        text = repr(data)[:MAX_GROWN] if not isinstance(data, str) else data
    return text.encode("utf-8", random.choice(("replace", "surrogatepass")))
