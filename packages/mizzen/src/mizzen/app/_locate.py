"""From `module:name` on a command line to the app object."""

from __future__ import annotations

import importlib
import os
import sys

from ._app import App
from ._errors import AppError


def locate(reference: str) -> App:
    """Import the module, also from the current folder, and return its app.

    Raises `AppError` saying what is missing where.
    """
    module_name, _, name = reference.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise AppError(
            f"there is no module `{module_name}` here; give it as `module:app`"
        ) from error
    found = getattr(module, name or "app", None)
    if not isinstance(found, App):
        raise AppError(
            f"`{module_name}` has no App called `{name or 'app'}`; give it as `module:name`"
        )
    return found
