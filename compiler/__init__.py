"""Interlock: one YAML of models and routing strategies, compiled into a LiteLLM gateway on Kubernetes."""

__version__ = "0.1.0"
