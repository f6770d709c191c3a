"""Grafana panels: what every one of them has, and where they stand on the grid of 24 columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_GREEN, _ORANGE, _RED, _BLUE = "green", "orange", "red", "blue"
Steps = Sequence[tuple[float | None, str]]  # the value from which on a colour holds; None is the lowest

PLAIN: Steps = ((None, _BLUE),)


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and the name of its lines. `shape` is what Grafana makes of it."""

    expression: str
    legend: str
    shape: str = "time_series"
    instant: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What a panel says of itself, and the unit of its values, in Grafana's words."""

    title: str
    unit: str
    description: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `kind` is Grafana's plugin; `width` in columns, `height` in rows of the grid."""

    about: About
    kind: str
    queries: Sequence[Query]
    width: int = 12
    height: int = 8
    steps: Steps = PLAIN
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Mapping[str, Any]] = ()
    transformations: Sequence[Mapping[str, Any]] = ()

    def data(self, number: int, x: int, y: int) -> dict[str, Any]:
        return {
            "id": number,
            "type": self.kind,
            "title": self.about.title,
            "description": self.about.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "targets": [_target(query, place) for place, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": list(self.overrides)},
            "options": dict(self.options),
            "transformations": list(self.transformations),
        }

    def _defaults(self) -> dict[str, Any]:
        steps = [{"value": value, "color": colour} for value, colour in self.steps]
        return {
            "unit": self.about.unit,
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom": dict(self.custom),
            **self.defaults,
        }


def _target(query: Query, place: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + place),
        "datasource": DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "format": query.shape,
        "instant": query.instant,
        "range": not query.instant,
        "editorMode": "code",
    }


# --- kinds of panels -----------------------------------------------------------------------------------


def stat(about: About, query: Query, *, steps: Steps = PLAIN, width: int = 4, **defaults: Any) -> Panel:
    """One number in large print over a sparkline."""
    options = {
        "colorMode": "background_solid",
        "graphMode": "none" if query.instant else "area",
        "justifyMode": "center",
        "textMode": "value_and_name" if "{{" in query.legend else "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return Panel(about, "stat", [query], width, 4, steps, options, defaults=defaults)


def lines(
    about: About,
    *queries: Query,
    stacked: bool = False,
    width: int = 12,
    steps: Steps = PLAIN,
    overrides: Sequence[Mapping[str, Any]] = (),
    **defaults: Any,
) -> Panel:
    """Lines over time, or areas on top of each other; the legend is a table of mean, most and last."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "smooth",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 45 if stacked else 12,
        "gradientMode": "opacity",
        "showPoints": "never",
        "spanNulls": 180_000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(steps) > 1 else "off"},
        "axisSoftMin": 0,
    }
    options = {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "sortBy": "Last *",
            "sortDesc": True,
            "calcs": ["mean", "max", "lastNotNull"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(about, "timeseries", queries, width, 9, steps, options, custom, defaults, overrides)


def bars(about: About, query: Query, *, width: int = 12, steps: Steps = PLAIN, **defaults: Any) -> Panel:
    """A horizontal bar for each label, the longest first."""
    options = {
        "displayMode": "gradient",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "left",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
    }
    colour = {"color": {"mode": "continuous-BlPu" if steps is PLAIN else "thresholds"}}
    return Panel(about, "bargauge", [query], width, 9, steps, options, defaults={**colour, **defaults})


def heat(about: About, query: Query, *, width: int = 12) -> Panel:
    """A histogram over time; the darker, the more."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Spectral",
            "steps": 64,
            "reverse": True,
            "exponent": 0.5,
            "fill": "dark-orange",
        },
        "rowsFrame": {"layout": "auto"},
        "yAxis": {"axisPlacement": "left", "unit": about.unit, "reverse": False},
        "cellValues": {"unit": "short"},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
        "filterValues": {"le": 1e-9},
    }
    return Panel(about, "heatmap", [query], width, 9, PLAIN, options)


def table(about: About, query: Query, *, width: int = 8) -> Panel:
    """The rows of an instant, a column a label."""
    organise = {
        "id": "organize",
        "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "Pods"}},
    }
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
    custom = {"align": "auto", "filterable": True}
    return Panel(about, "table", [query], width, 7, PLAIN, options, custom, transformations=[organise])


def timeline(title: str, description: str, query: Query) -> Panel:
    """What was so, and when."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "alignValue": "center",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    mapping = {"type": "value", "options": {"1": {"text": "fires", "color": _RED, "index": 0}}}
    custom = {"lineWidth": 0, "fillOpacity": 85}
    defaults = {"mappings": [mapping], "noValue": "no alert fires"}
    return Panel(
        About(title, "none", description),
        "state-timeline",
        [query],
        COLUMNS,
        5,
        ((None, _RED),),
        options,
        custom,
        defaults,
    )


def coloured(names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Lines that have a colour of their own, by the name in the legend."""
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for name, colour in names.items()
    ]


# --- the grid ------------------------------------------------------------------------------------------


def placed(rows: Iterable[tuple[str, Sequence[Panel]]]) -> list[dict[str, Any]]:
    """Rows with their panels, from left to right; the next line begins below the highest of this one."""
    found: list[dict[str, Any]] = []
    y = 0
    for title, panels in rows:
        found.append(_row(title, len(found) + 1, y))
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            found.append(panel.data(len(found) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return found


def _row(title: str, number: int, y: int) -> dict[str, Any]:
    grid = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": grid, "panels": []}
