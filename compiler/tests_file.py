"""`<catalog>.test.yaml`: routing tests in a file of their own, beside the catalog that they are about."""

from pathlib import Path

_END = ".test"


def is_tests_file(path: Path) -> bool:
    """Whether a file is named as one of tests: `gateway.test.yaml`, and not `.test.yaml` alone."""
    return path.suffix in (".yaml", ".yml") and path.stem.endswith(_END) and path.stem != _END


def named_for(catalog: Path) -> Path:
    """Where the tests of a catalog stand, if it has such a file."""
    return catalog.with_name(f"{catalog.stem}{_END}{catalog.suffix}")


def beside(catalog: Path) -> Path | None:
    """The file of a catalog's tests; None when there is none."""
    try:
        path = named_for(catalog)
        return path if path.exists() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def catalog_of(path: Path) -> Path:
    """The catalog that a file of tests is about; any other path as it is."""
    return path.with_name(path.stem.removesuffix(_END) + path.suffix) if is_tests_file(path) else path
