"""The variables of a gateway: no two values share a name, whatever providers and gateways are called."""

from compiler.catalog_gateways import SecretRef
from compiler.pipeline import validate_text
from compiler.render.litellm import Environment, files

CATALOG = b"""
apiVersion: interlock/v1
name: names
gateways: {litellm-master: {}, openai-api: {}, llm-router: {}}
providers:
  openai: {type: openai, api_key: {secret: openai, key: k}}
  one: {type: openai, api_key: {secret: one, key: k}, gateway: litellm-master}
  two: {type: openai, api_key: {secret: two, key: k}, gateway: openai-api}
models:
  a: {provider: openai, context_window: 1}
  b: {provider: one, context_window: 1}
  c: {provider: two, context_window: 1}
strategies: {s: {candidates: [a, b, c]}}
"""


def test_what_litellm_reads_unasked_is_set_for_nobody() -> None:
    """`OPENAI_API_KEY` would serve calls that no route allows; and a gateway may be called `openai-api`."""
    catalog = validate_text(CATALOG, "names.yaml").catalog
    assert catalog is not None
    router = files(catalog, catalog.gateways["llm-router"])
    env = dict(router.env)
    assert env.pop("LITELLM_MASTER_KEY") == SecretRef("llm-router-auth", "master-key")
    assert list(env) == [
        "GATEWAY_LITELLM_MASTER_KEY",
        "GATEWAY_OPENAI_API_KEY",
        "PROVIDER_OPENAI_API_KEY",
    ]
    config = router.config["config.yaml"]
    assert "master_key: os.environ/LITELLM_MASTER_KEY\n" in config
    assert all(f"api_key: os.environ/{name}\n" in config for name in env)


def test_names_that_look_alike_stay_apart() -> None:
    catalog = validate_text(CATALOG, "names.yaml").catalog
    assert catalog is not None
    env = Environment(catalog, catalog.gateways["llm-router"])
    names = [env.named("KEY", SecretRef(secret, "k")) for secret in ("one", "two", "one")]
    assert names == ["os.environ/KEY", "os.environ/KEY_2", "os.environ/KEY"]
