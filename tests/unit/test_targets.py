"""What differs between the LiteLLM lines, and what a catalog that names one gets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import validate_text
from compiler.render.litellm import files
from compiler.resources import read_text
from compiler.targets.litellm import DEFAULT, LINES, Line, line_for

CATALOG = """
apiVersion: interlock/v1
name: lines
target: {{litellm: {{version: "{}"}}}}
providers: {{openai: {{type: openai, api_key: {{secret: openai, key: k}}}}}}
models: {{a: {{provider: openai, context_window: 1}}}}
fallback: {{cooldown: {{failures: 4, seconds: 20}}}}
"""


def router_settings(litellm: str) -> dict[str, Any]:
    catalog = validate_text(CATALOG.format(litellm).encode(), "lines.yaml").catalog
    assert catalog is not None
    config = yaml.safe_load(files(catalog, catalog.gateways["llm-router"]).config["config.yaml"])
    found: dict[str, Any] = config["router_settings"]
    return found


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_knows_its_own_versions(line: Line) -> None:
    assert LINES[line.minor] is line
    assert line_for(line.default_version) is line
    assert line_for(f"{line.minor}.999") is line


@pytest.mark.parametrize("unknown", ["1.107.0", "1.108.11", "1.1060.2", "2.106.2", "1.10.0"])
def test_a_version_between_the_lines_is_of_none(unknown: str) -> None:
    assert line_for(unknown) is None


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_each_error_that_rests_a_deployment_is_named_and_allowed_as_often(line: Line) -> None:
    settings = router_settings(line.default_version)
    policy = settings["allowed_fails_policy"]
    assert set(policy.values()) == {settings["allowed_fails"]} == {3}
    assert "BadRequestErrorAllowedFails" not in policy  # the caller's mistake rests nobody
    assert {"RateLimitErrorAllowedFails", "TimeoutErrorAllowedFails"} < set(policy)


def test_the_default_is_the_line_that_interlock_requires(root: Path) -> None:
    lock = (root / "requirements" / "base.txt").read_text()
    assert f"litellm=={DEFAULT.default_version} " in lock


def test_every_other_line_can_be_proven(root: Path) -> None:
    for minor in LINES.keys() - {DEFAULT.minor}:
        lock = (root / "requirements" / "lines" / f"{minor}.txt").read_text()
        assert f"litellm=={LINES[minor].default_version} " in lock


def test_the_schema_and_the_guide_name_every_line(root: Path) -> None:
    schema = json.loads(read_text("schemas", "catalog.schema.json"))
    told = schema["$defs"]["target"]["properties"]["litellm"]["properties"]["version"]["description"]
    guide = (root / "docs" / "guides" / "litellm-versions.md").read_text()
    assert set(re.findall(r"\b1\.\d+(?!\.\d)\b", told)) >= LINES.keys()
    assert DEFAULT.default_version in told
    for line in LINES.values():
        assert f"| {line.minor} | {line.default_version} |" in guide
