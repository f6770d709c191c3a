"""What tells a server that a finding of today is the one of yesterday."""

import hashlib
import json

from compiler.diagnostics import Diagnostic
from compiler.reporters.report import plain


def subject(diagnostic: Diagnostic) -> str:
    """What a finding is about, the same when lines move: its path in the catalog, else its words."""
    return json.dumps(diagnostic.path) if diagnostic.path else plain(diagnostic.message)


def fingerprint(*parts: str) -> str:
    """64 hex digits that stay the same from run to run."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
