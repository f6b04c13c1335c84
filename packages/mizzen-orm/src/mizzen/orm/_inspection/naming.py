"""Python names for what a database calls its tables and columns.

Any name comes out as a plain identifier: letters and digits as Python reads them (NFKC), never a
keyword, never a name that a model or the written module needs, and never one twice.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata

_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman"}
_RESERVED = {
    "metadata",
    "registry",
    "self",
    "cls",
    # pydantic keeps these, and what begins like them.
    "model_config",
    "model_fields",
    "copy",
    "dict",
    "json",
    "schema",
    "validate",
}


class Names:
    """Names given in one place, each once."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = set(taken)

    def give(self, wanted: str) -> str:
        """Return *wanted*, with an underscore or a number when it is taken."""
        name = wanted
        number = 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}" if number > 2 else f"{wanted}_"
        self._taken.add(name)
        return name

    def also(self, name: str) -> None:
        """Take *name* too."""
        self._taken.add(name)


def attributes_taken() -> set[str]:
    """Return the names that no field or relation of a model can have."""
    from .._models.model import Model
    from .code import LOWER

    own = {name for name in dir(Model) if name != "id"}
    return own | LOWER | _RESERVED | set(keyword.kwlist) | set(keyword.softkwlist)


def classes_taken() -> set[str]:
    """Return the names that no generated class can have."""
    from .code import KNOWN

    return set(KNOWN) | set(keyword.kwlist) | set(dir(builtins))


def attribute(name: str) -> str:
    """Return a column's or relation's attribute: "Full Name" → full_name, "2nd" → column_2nd."""
    plain = _plain(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()
    if not plain or not plain[0].isalpha():
        plain = f"column_{plain}".rstrip("_")
    # "model_" is pydantic's own beginning.
    return f"{plain}_" if plain.startswith("model_") else plain


def class_name(table: str) -> str:
    """Return a model's name: gist_files → GistFile, entries → Entry, 'x"; y' → XY."""
    words = [
        word for word in _plain(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", table)).split("_") if word
    ]
    if not words:
        return "Table"
    words[-1] = singular(words[-1])
    made = "".join(word[:1].upper() + word[1:] for word in words)
    return made if made[0].isalpha() else f"Table{made}"


def one_of(table: str) -> str:
    """Return the name of one row: gist_files → gist_file."""
    *words, last = attribute(table).split("_")
    return "_".join([*words, singular(last)])


def singular(word: str) -> str:
    """Return the singular of an English plural, as far as its ending tells."""
    lower = word.lower()
    if lower in _IRREGULAR:
        return word[0] + _IRREGULAR[lower][1:]
    if lower.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if lower.endswith(("sses", "xes", "zes", "ches", "shes", "uses")):
        return word[:-2]
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is", "news")) and len(word) > 2:
        return word[:-1]
    return word


def member(value: str) -> str:
    """Return an enum member's name: "in progress" → IN_PROGRESS."""
    plain = _plain(value).upper()
    return plain if plain and plain[0].isalpha() and plain.isidentifier() else f"VALUE_{plain}"


def _plain(name: str) -> str:
    normal = unicodedata.normalize("NFKC", name)
    kept = "".join(c if ("a" + c).isidentifier() else "_" for c in normal)
    return re.sub(r"_+", "_", unicodedata.normalize("NFKC", kept)).strip("_")[:40].rstrip("_")
