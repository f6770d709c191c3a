"""Whether the parts that `interlock dev` runs are installed."""

from importlib.util import find_spec

# By import name. LiteLLM's proxy fails without each of these, the last two only when it is too late.
_PARTS = (
    "litellm",
    "fastapi",
    "starlette",
    "uvicorn",
    "orjson",
    "apscheduler",
    "backoff",
    "prisma",
    "prometheus_client",
)


def missing_extra() -> str | None:
    """What to install, or None when nothing is missing. Looks for the parts without importing them."""
    missing = [part for part in _PARTS if find_spec(part) is None]
    if not missing:
        return None
    return (
        f"interlock dev needs the extra: pip install 'interlock-llm[proxy]' (missing: {', '.join(missing)})"
    )
