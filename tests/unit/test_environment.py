"""The variables of a gateway: no two values share a name, whatever providers and gateways are called."""

from compiler.catalog import SecretRef
from compiler.pipeline import validate_text
from compiler.render.litellm import files

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


def test_names_that_look_alike_stay_apart() -> None:
    catalog = validate_text(CATALOG, "names.yaml").catalog
    assert catalog is not None
    router = files(catalog, catalog.gateways["llm-router"])
    env = dict(router.env)
    assert env["LITELLM_MASTER_KEY"] == SecretRef("llm-router-auth", "master-key")
    assert len(env) == len({str(value) for value in env.values()}) == 4
    config = router.config["config.yaml"]
    assert "master_key: os.environ/LITELLM_MASTER_KEY\n" in config
    assert "api_key: os.environ/LITELLM_MASTER_KEY_2\n" in config
    assert "api_key: os.environ/OPENAI_API_KEY\n" in config
    assert "api_key: os.environ/OPENAI_API_KEY_2\n" in config
