"""Sizes that fit field by field and not together: the API server would refuse them at deploy time."""

from collections.abc import Iterator

from compiler.diagnostics import BAD_VALUE, Diagnostic
from compiler.interlocks.case import Case
from compiler.quantities import at_least_zero, slip


def amounts_can_be_meant(case: Case) -> Iterator[Diagnostic]:
    """IL205: memory is counted in bytes and CPU in cores, of which no pod has a thousandth or a million."""
    for gateway in case.catalog.gateways.values():
        for side, amounts in gateway.resources.items():
            for name, value in amounts.items():
                wrong = slip(name, value)
                if wrong:
                    path = (*gateway.path, "resources", side, name)
                    message = f"gateway {gateway.name!r}: {value!r} of {name} {wrong}"
                    yield BAD_VALUE.on_value(
                        case.document, path, message, "for example: 500m of cpu, 2Gi of memory"
                    )


def limits_hold_requests(case: Case) -> Iterator[Diagnostic]:
    """IL205: a pod may use at least what it is sure to get."""
    for gateway in case.catalog.gateways.values():
        requests, limits = gateway.resources["requests"], gateway.resources["limits"]
        for name in sorted(requests.keys() & limits.keys()):
            if at_least_zero(requests[name]) > at_least_zero(limits[name]):
                path = (*gateway.path, "resources")
                found = BAD_VALUE.on_value(
                    case.document,
                    (*path, "requests", name),
                    f"gateway {gateway.name!r} requests {requests[name]} {name} and may use {limits[name]}",
                    "raise the limit, or lower the request",
                )
                yield found.with_related(case.document.span((*path, "limits", name)), "the limit")


def most_pods_hold_fewest(case: Case) -> Iterator[Diagnostic]:
    """IL205: the most replicas are no fewer than the fewest."""
    for gateway in case.catalog.gateways.values():
        fewest, most = gateway.replicas.min, gateway.replicas.max
        if fewest > most:
            path = (*gateway.path, "replicas")
            found = BAD_VALUE.on_value(
                case.document,
                (*path, "max"),
                f"gateway {gateway.name!r} has at most {most} replicas and at least {fewest}",
                "raise max, or lower min",
            )
            yield found.with_related(case.document.span((*path, "min")), "the fewest")
