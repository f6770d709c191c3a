"""Routing tests: run by the plugin's own decision; what no test covers; text, JSON and JUnit of it."""

from compiler.policy.coverage import Coverage, coverage_of
from compiler.policy.running import Result, run

__all__ = ["Coverage", "Result", "coverage_of", "run"]
