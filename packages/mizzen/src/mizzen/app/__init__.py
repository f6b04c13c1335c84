"""Composes the mizzen components, or any object of their shape, into one application."""

from ._app import App
from ._config import load_settings
from ._errors import AppError, ConfigError, NotStarted, StartFailed, StopFailed
from ._server import AppServer
from ._settings import Settings
from ._signals import until_signalled
from .abc import ASGIApp, Component

__all__ = [
    "ASGIApp",
    "App",
    "AppError",
    "AppServer",
    "Component",
    "ConfigError",
    "NotStarted",
    "Settings",
    "StartFailed",
    "StopFailed",
    "load_settings",
    "until_signalled",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
