"""`__all__` is what is public, and public names show their public path."""

from __future__ import annotations

import types

import mizzen.web


def test_all_is_what_is_public() -> None:
    public = set(mizzen.web.__all__)
    for name in public:
        assert getattr(mizzen.web, name).__module__ == "mizzen.web"
    found = {
        name
        for name, value in vars(mizzen.web).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert found - {"TYPE_CHECKING", "Any"} == public


def test_fixture_gives_an_empty_site(mizzen_web: mizzen.web.Web) -> None:
    assert mizzen_web.routes == []
    assert mizzen_web.debug
