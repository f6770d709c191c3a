"""Where the files beside the code are: schemas, templates, the example catalogs, the pages of the codes.

A wheel carries them under `compiler/_data/`; in a checkout they stand beside the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE / "_data", _PACKAGE.parent)


def resource(*parts: str) -> Path:
    """The path of a file or folder such as `resource("schemas", "kubernetes", "1.34.json")`.

    Raises:
        FileNotFoundError: neither the wheel's data nor the checkout has it; the message names both places.
    """
    candidates = [root.joinpath(*parts) for root in _ROOTS]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    places = " nor ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(f"Interlock's own file {'/'.join(parts)} is missing: there is neither {places}")


def read_text(*parts: str) -> str:
    """The UTF-8 text of a resource, with its line ends as they are.

    Raises:
        FileNotFoundError: as `resource`.
    """
    return resource(*parts).read_bytes().decode("utf-8")
