"""Interlock's routing plugin, as LiteLLM loads it: `callbacks: ["routing_plugin.handler"]`.

LiteLLM finds this file beside its config.yaml and loads it by its path. The rest of the plugin is the
package `interlock_runtime` beside it, which in the compiler is `compiler.runtime`, this file among it.
Standard library only, but for `handler`, which is made when LiteLLM asks for it.
"""

import os
import sys
from typing import Any

if not __package__:  # loaded by path: say to which package the imports below are relative (PEP 366)
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    import interlock_runtime

    __package__ = interlock_runtime.__name__

from .decision import Decision, decide
from .table import load_table

__all__ = ["Decision", "decide", "load_table"]

TABLE = "routing_table.json"


def __getattr__(name: str) -> Any:
    if name != "handler":
        raise AttributeError(name)
    from .handler import InterlockHandler
    from .metrics_port import serve_if_asked

    handler = InterlockHandler(os.path.join(os.path.dirname(os.path.abspath(__file__)), TABLE))
    handler.file.watch()
    serve_if_asked()
    return handler
