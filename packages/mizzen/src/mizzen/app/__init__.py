"""Composes the mizzen components, or any object of their shape, into one application."""

from ._app import App
from ._config import Settings, load_settings
from ._errors import AppError, ConfigError, NotStarted, StartFailed, StopFailed
from .abc import ASGIApp, Component

__all__ = [
    "ASGIApp",
    "App",
    "AppError",
    "Component",
    "ConfigError",
    "NotStarted",
    "Settings",
    "StartFailed",
    "StopFailed",
    "load_settings",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
