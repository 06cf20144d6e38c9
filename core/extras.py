"""What to type where a package is missing: one line, for the package from PyPI and for a checkout."""

from ..errors import InputError


def install_line(extra: str) -> str:
    """How an extra is installed."""
    return f'pip install "lipstream[{extra}]", in a checkout pip install -e ".[{extra}]"'


def needs_extra(what: str, extra: str, missing: object = None) -> InputError:
    """The error to raise where an extra is not installed.

    Args:
        what: what cannot be done without.
        extra: its name in pyproject.toml.
        missing: what said so: an ImportError, or names of packages.
    """
    why = "" if missing is None else f" ({missing})"
    return InputError(f"{what} needs the extra '{extra}': {install_line(extra)}{why}")
