"""A decision in words: what was asked, who answers, why each other model does not, what it costs.

`explain(catalog, gateway, question)` asks `runtime.decision.decide`, the function that runs in the proxy, and
works out what that leaves to be read between the lines. `as_text` and `as_data` write it down.
"""

from compiler.explaining.data import as_data, outages_as_data
from compiler.explaining.explanation import Explanation, explain
from compiler.explaining.outages import outages_as_text
from compiler.explaining.question import Question
from compiler.explaining.text import as_text

__all__ = [
    "Explanation",
    "Question",
    "as_data",
    "as_text",
    "explain",
    "outages_as_data",
    "outages_as_text",
]
