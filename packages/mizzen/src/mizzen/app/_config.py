"""One file configures everything: TOML, then environment variables on top, checked by type.

`SHOP_DB__URL=postgresql://…` overrides `url` of the section `[db]` for an app named "shop".
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ._errors import ConfigError
from ._settings import Settings
from ._units import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_settings(
    file: str | os.PathLike[str] | None = None,
    *,
    name: str = "mizzen",
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read *file* (TOML), lay the environment over it, and check every key and type.

    Raises `ConfigError` naming the file, the key and what was expected.
    """
    tables = read_toml(Path(file)) if file is not None else {}
    # By itself first: a text where the file needs a number stays a mistake of the file.
    settings = checked(tables, source=str(file), strict=True)
    variables = os.environ if environ is None else environ
    overrides = lay_over(tables, variables, prefix=environment_prefix(name))
    if not overrides:
        return settings
    return checked(tables, source=f"the environment ({', '.join(overrides)})", strict=False)


def checked(tables: dict[str, Any], *, source: str, strict: bool) -> Settings:
    """Return the settings in *tables*; what is wrong is said to be *source*'s."""
    try:
        read_durations(tables)
        return msgspec.convert(tables, Settings, strict=strict)
    except (msgspec.ValidationError, ConfigError) as error:
        raise ConfigError(f"{source}: {explain(error)}") from error


def read_toml(file: Path) -> dict[str, Any]:
    """Return the tables of *file*."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{file}: there is no such file; create it or leave `config` out"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error


def environment_prefix(name: str) -> str:
    """Return `SHOP_` for an app named "shop"."""
    return re.sub(r"\W", "_", name).upper() + "_"


def lay_over(tables: dict[str, Any], variables: Mapping[str, str], *, prefix: str) -> list[str]:
    """Put `<PREFIX><SECTION>__<KEY>` variables into *tables*; return the names that were used."""
    used: list[str] = []
    for variable, value in variables.items():
        section, separator, key = variable.removeprefix(prefix).lower().partition("__")
        if variable.startswith(prefix) and separator:
            table: dict[str, Any] = tables.setdefault(section, {})
            table[key] = value.split(",") if is_list(section, key) else value
            used.append(variable)
    return sorted(used)


def is_list(section: str, key: str) -> bool:
    """Tell whether a setting is a list, written with commas in the environment."""
    return (section, key) in {("cache", "tiers"), ("cable", "origins"), ("assets", "entries")}


def read_durations(tables: dict[str, Any]) -> None:
    """Turn "10s" into seconds where a setting is a duration."""
    app = tables.get("app")
    within: Any = cast("dict[str, Any]", app).get("stop_within") if isinstance(app, dict) else None
    if isinstance(within, str):
        try:
            tables["app"]["stop_within"] = seconds(within)
        except ConfigError as error:
            raise ConfigError(f"{error} - at `app.stop_within`") from error


def explain(error: Exception) -> str:
    """Say which key is wrong, and which one was probably meant."""
    text = str(error)
    unknown = re.search(r"unknown field `(.+?)`(?: - at `\$\.?(.*)`)?", text)
    if not unknown:
        return text.replace("$.", "")
    key, section = unknown[1], unknown[2] or ""
    known = known_keys(section)
    near = difflib.get_close_matches(key, known, n=1)
    place = f"[{section}]" if section else "the top level"
    meant = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
    return f"`{key}` is not a setting of {place}; {meant}"


def known_keys(section: str) -> list[str]:
    """Return the keys of a section, or the names of the sections."""
    if not section:
        return list(Settings.__struct_fields__)
    for field in msgspec.structs.fields(Settings):
        if field.name == section:
            kinds = getattr(field.type, "__args__", (field.type,))
            return list(kinds[0].__struct_fields__)
    return []
