"""Lifecycle: nothing in a route is planned, retired, or about to be."""

from collections.abc import Iterator
from datetime import date, timedelta

from compiler import edits
from compiler.catalog import Deployment, Model
from compiler.diagnostics import BAD_VALUE, NOT_IN_SERVICE, RETIRED, RETIRES_SOON, Diagnostic, Path_
from compiler.interlocks.case import Case, ask

SOON = timedelta(days=60)


def models_are_not_retired(case: Case) -> Iterator[Diagnostic]:
    """IL601, IL603: no model in service is gone on the day, or within 60 days of it."""
    today = date.fromisoformat(case.as_of)
    for model in case.catalog.models.values():
        if not model.in_service:
            continue
        # The catalog speaks of the model, the cost map of each upstream; the catalog goes first.
        stated = _stated(case, model)
        days = [(d, _day(stated or _known_last_day(case, d))) for d in model.deployments]
        gone = [(d, day) for d, day in days if day and day <= today]
        if gone and len(gone) == len(days):
            last = max(day for _, day in gone)
            yield _retired(case, model, _place(case, model), last)
            continue
        for deployment, day in gone:
            yield _retired(case, model, case.place(deployment), day, deployment)
        yield from _soon(case, model, [(d, day) for d, day in days if day and today < day <= today + SOON])


def dates_exist(case: Case) -> Iterator[Diagnostic]:
    """IL205: a day that the calendar has."""
    for model in case.catalog.models.values():
        written = _stated(case, model)
        if written and _day(written) is None:
            path = (*model.path, "lifecycle", "retires_on")
            yield BAD_VALUE.on_value(
                case.document, path, f"there is no day {written}", "write year-month-day, such as 2026-09-24"
            )


def _stated(case: Case, model: Model) -> str | None:
    """What the catalog itself says of a model's last day."""
    lifecycle = case.stated(model).get("lifecycle") or {}
    written: str | None = lifecycle.get("retires_on")
    return written


def _known_last_day(case: Case, deployment: Deployment) -> str | None:
    return deployment.known.retires_on if deployment.known and case.is_known(deployment) else None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _place(case: Case, model: Model) -> Path_:
    """Where a last day is stated, or the model when the cost map knows it."""
    return (*model.path, "lifecycle", "retires_on") if _stated(case, model) else model.path


def _retired(
    case: Case, model: Model, path: Path_, day: date, deployment: Deployment | None = None
) -> Diagnostic:
    what = f"{_who(model, deployment)} was retired on {_dated(case, model, day)}, and is in service here"
    found = RETIRED.on(case.document, path, what, _advice(case, model, deployment))
    found, mode = _with_uses(case, model, found), model.modes[0]
    if not case.reaches(model, mode, deployment):
        return found  # IL309 says that no request comes to it
    others = [name for name in model.providers if deployment and name != deployment.provider]
    body = ask(mode, model=model.name)
    return found.with_request(body, "is sent to a model that is gone", down=others, mode=mode)


def _who(model: Model, deployment: Deployment | None) -> str:
    whole = f"model {model.name!r}"
    return f"the deployment of {model.name!r} at {deployment.provider!r}" if deployment else whole


def _dated(case: Case, model: Model, day: date) -> str:
    """The day, and who says so when it is not the catalog."""
    return str(day) if _stated(case, model) else f"{day} (LiteLLM's cost map)"


def _soon(case: Case, model: Model, ending: list[tuple[Deployment, date]]) -> Iterator[Diagnostic]:
    whole = len(ending) == len(model.deployments)
    for deployment, day in ending[:1] if whole else ending:
        one = None if whole else deployment
        path = _place(case, model) if whole else case.place(deployment)
        what = f"{_who(model, one)} retires on {_dated(case, model, day)}"
        found = RETIRES_SOON.on(case.document, path, what, _advice(case, model, one))
        yield _with_uses(case, model, found)


def _with_uses(case: Case, model: Model, found: Diagnostic) -> Diagnostic:
    uses = case.used_by(model)
    if not uses:
        return found
    others = f", and {len(uses) - 1} more" if len(uses) > 1 else ""
    place = case.document.span(uses[0].path, key=True)
    return found.with_related(place, f"strategy {uses[0].name!r} may choose it{others}")


def _advice(case: Case, model: Model, deployment: Deployment | None = None) -> str:
    """What to do about a model, or about one deployment of it."""
    if deployment:
        return "take this deployment out; the model keeps the others"
    first = model.deployments[0]
    kind = case.catalog.providers[first.provider].type
    after = (date.fromisoformat(case.as_of) + SOON).isoformat()
    successor = model.successor or case.known.successor(kind, first.upstream, after)
    move = f"move to {successor!r}" if successor else "move to another model"
    know_better = (
        "" if _stated(case, model) else "; if the vendor says otherwise, state `lifecycle: {retires_on: …}`"
    )
    return f"{move}, then remove this one or set `lifecycle: {{status: retired}}`{know_better}"


def routes_are_in_service(case: Case) -> Iterator[Diagnostic]:
    """IL602: no list of models names one that is planned or retired."""
    for path, name in _named(case):
        model = case.catalog.models[name]
        if model.in_service:
            continue
        found = NOT_IN_SERVICE.on_value(
            case.document,
            path,
            f"{name!r} is {model.status}: it will never be chosen here",
            "take it out"
            if model.status == "retired"
            else "take it out until it is served, or set its status to active",
        )
        place = case.document.span((*model.path, "lifecycle", "status"))
        found = found.with_related(place, f"{model.status} by this")
        yield found.with_fix(f"remove {name!r}", *edits.remove_item(case.document, path))


def _named(case: Case) -> Iterator[tuple[Path_, str]]:
    """Everything that names a model to choose, and where it does."""
    for strategy in case.catalog.strategies.values():
        # IL302 says it of a strategy that has no model in service at all.
        if strategy.listed and case.in_service(strategy.candidates):
            for index, name in enumerate(strategy.candidates):
                yield (*strategy.path, "candidates", index), name
        if strategy.canary:
            yield (*strategy.path, "canary", "model"), strategy.canary.model
    for model in case.catalog.models.values():
        for index, name in enumerate(model.fallbacks or () if model.in_service else ()):
            yield (*model.path, "fallbacks", index), name
