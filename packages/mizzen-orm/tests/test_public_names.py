"""What is public is what `__all__` says."""

from __future__ import annotations

import mizzen.orm


def test_all_matches_what_is_public() -> None:
    import types

    public = {
        name
        for name, value in vars(mizzen.orm).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(mizzen.orm.__all__)


def test_public_names_show_their_public_path() -> None:
    ours = [getattr(mizzen.orm, name) for name in mizzen.orm.__all__]
    foreign = {"Field", "col"}
    paths = {value.__name__: value.__module__ for value in ours}
    assert {name for name, path in paths.items() if path != "mizzen.orm"} == foreign
