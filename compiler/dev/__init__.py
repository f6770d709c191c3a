"""The engine of `interlock dev`: the compiled gateways on this machine, with simulated providers."""

from compiler.dev.extra import missing_extra
from compiler.dev.faults import FaultError, UnknownProviderError
from compiler.dev.processes import GatewayError
from compiler.dev.rewrite import NotRunnableError
from compiler.dev.session import DevGateways

__all__ = [
    "DevGateways",
    "FaultError",
    "GatewayError",
    "NotRunnableError",
    "UnknownProviderError",
    "missing_extra",
]
