"""report.html: one page of the routes, what they cost and who answers in an outage, for people to look at."""

from compiler.render.report.data import report
from compiler.render.report.page import page

__all__ = ["page", "report"]
