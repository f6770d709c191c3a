"""The API server's rules for single values: each says why it refuses one, or "" when it does not.

Taken from k8s.io/apimachinery/pkg/util/validation and k8s.io/apimachinery/pkg/api/resource; what an image is,
from github.com/distribution/reference.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from compiler.verify.finding import Problem, brief, child

Rule = Callable[[str], str]

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST_PART = r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?"
_DOMAIN = rf"(?=[^/]*[.:]|localhost/){_HOST_PART}(?:\.{_HOST_PART})*(?::[0-9]+)?"


def _form(pattern: str, limit: int, what: str) -> Rule:
    compiled = re.compile(pattern)

    def rule(text: str) -> str:
        if len(text) <= limit and compiled.fullmatch(text):
            return ""
        return f"{brief(text)!r} is not {what} (at most {limit} characters)"

    return rule


dns_label = _form(_LABEL, 63, "a DNS label: a-z, 0-9 and '-', with a letter or digit at both ends")
dns_1035_label = _form(r"[a-z](?:[-a-z0-9]*[a-z0-9])?", 63, "a DNS label that begins with a letter")
dns_subdomain = _form(
    rf"{_LABEL}(?:\.{_LABEL})*", 253, "a DNS name: labels of a-z, 0-9 and '-', joined by '.'"
)
job_name = _form(rf"{_LABEL}(?:\.{_LABEL})*", 63, "a DNS name that fits the label of the job's pods")
path_segment = _form(r"(?!\.\.?\Z)[^/%]+", 253, "a name without '/' and '%'")
label_value = _form(
    rf"(?:{_NAME})?", 63, "a label value: letters, digits, '-', '_' and '.', an alphanumeric at both ends"
)
key_name = _form(_NAME, 63, "the name of a label or annotation key")
data_key = _form(r"(?!\.\.|\.\Z)[-._A-Za-z0-9]+", 253, "a key: letters, digits, '-', '_' and '.'")
env_name = _form(r"[-._A-Za-z][-._A-Za-z0-9]*", 253, "the name of an environment variable")
port_name = _form(
    r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?",
    15,
    "a port name: a-z, 0-9, single '-' and at least one letter",
)
percentage = _form(r"[0-9]+%", 11, "a percentage such as 25%")
share = _form(r"(?:100|[0-9]{1,2})%", 4, "a percentage from 0% to 100%")
image = _form(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    500,
    "an image: a name in lower case with a :tag or a @sha256:digest",
)
metric_name = _form(r"[a-zA-Z_:][a-zA-Z0-9_:]*", 1000, "the name of a metric")
metric_label = _form(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", 1000, "the name of a label of a metric")
go_duration = _form(
    r"0|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+", 40, "a duration such as 90s, 15m or 1h30m"
)


def qualified_key(text: str) -> str:
    """The key of a label or annotation: a name of at most 63 characters after an optional DNS prefix."""
    prefix, slash, name = text.rpartition("/")
    return key_name(name) or (dns_subdomain(prefix) if slash else "")


def cidr(text: str) -> str:
    if "/" not in text:  # ip_network would take it for a network of one address
        return f"{brief(text)!r} has no prefix length"
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        return f"not a network: {brief(error)}"
    return ""


def within(text: str, outer: str) -> str:
    """A network that is a part of another; when the other is none, that is said where it stands."""
    if reason := cidr(text):
        return reason
    hole = ipaddress.ip_network(text)
    if cidr(outer):
        return ""
    around = ipaddress.ip_network(outer)
    inside = (
        hole.version == around.version
        and hole.network_address in around
        and hole.prefixlen > around.prefixlen
    )
    return "" if inside else f"{brief(text)} is no part of {brief(outer)}"


def address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        return f"not an IP address: {brief(error)}"
    return ""


def host(text: str) -> str:
    """A host name that clients send, which may begin with `*.`; an address is none."""
    name = text.removeprefix("*.")
    if not address(name):
        return f"{brief(text)} is an address, not a host name"
    if text != name and "." not in name:
        return f"{brief(text)!r} would cover a whole top-level domain"
    return dns_subdomain(name)


def port(value: str | int) -> str:
    """A port's number, or a port's name."""
    if isinstance(value, str):
        return port_name(value)
    return "" if 1 <= value <= 65535 else f"{value} is not a port: 1 to 65535"


def count_or_percentage(value: str | int) -> str:
    if isinstance(value, str):
        return percentage(value)
    return "" if value >= 0 else f"{value} is negative"


def count_or_share(value: str | int) -> str:
    """The same where there are no more than all: a percentage up to 100%."""
    return share(value) if isinstance(value, str) else count_or_percentage(value)


def absolute_path(text: str) -> str:
    """A path of a URL from its root, in the form that Ingress and Gateway API take: already normalised."""
    if not text.startswith("/"):
        return f"{brief(text)!r} does not begin with /"
    odd = [part for part in ("//", "/./", "/../", "%2f", "%2F", "#", "?", " ") if part in text]
    odd += [end for end in ("/.", "/..") if text.endswith(end)]
    return f"{brief(text)!r} must not hold {odd[0]!r}" if odd else ""


def file_path(text: str) -> str:
    """A path within a volume."""
    if not text or text.startswith("/") or ".." in text.split("/"):
        return f"{brief(text)!r} is no path within the volume"
    return ""


def wrong(pointer: str, reason: str) -> Iterator[Problem]:
    """The reason as a problem, when there is one."""
    if reason:
        yield pointer, reason


def labels(pointer: str, entries: Mapping[str, str]) -> Iterator[Problem]:
    for key, value in entries.items():
        yield from wrong(child(pointer, key), qualified_key(key) or label_value(value))


def unique(pointers: Iterator[tuple[str, object]], what: str) -> Iterator[Problem]:
    """A problem at each second use of a value."""
    seen: dict[object, str] = {}
    for pointer, value in pointers:
        if value in seen:
            yield pointer, f"{what} {brief(value)} is used at {seen[value]} already"
        seen.setdefault(value, pointer)


def at_least(fields: Mapping[str, Any], at: str, least: Mapping[str, int]) -> Iterator[Problem]:
    """A problem for each of the fields that is present and below its least value."""
    for field, limit in least.items():
        if fields.get(field, limit) < limit:
            yield f"{at}.{field}", f"{fields[field]} is below {limit}"
