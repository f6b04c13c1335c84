"""How the component shows itself: one line of text, or a small table."""

from __future__ import annotations

import re
from html import escape

PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/]*(?=@)")
SECRET_OPTION = re.compile(r"([?&](?:password|sslpassword)=)[^&]*", re.IGNORECASE)


def masked(url: str) -> str:
    """Return a URL without the password in it."""
    return SECRET_OPTION.sub(r"\1***", PASSWORD.sub(r"\1:***", url))


class Shown:
    """Gives a component its text and HTML forms; neither holds a secret."""

    url: str

    @property
    def started(self) -> bool:
        """Whether the component is running."""
        raise NotImplementedError

    def stats(self) -> dict[str, float]:
        """Return the figures that are shown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        facts = ", ".join(f"{value} {name}" for name, value in self._facts().items())
        return f"<mizzen.auth.Auth {self.url.rstrip(':')}: {self._state()}, {facts}>"

    def _repr_html_(self) -> str:
        rows = {"store": self.url, "state": self._state()} | self._facts()
        body = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in rows.items()
        )
        return f"<table><caption>mizzen.auth.Auth</caption>{body}</table>"

    def _state(self) -> str:
        return "started" if self.started else "not started"

    def _facts(self) -> dict[str, str]:
        stats = self.stats()
        return {
            "registered": f"{stats['users_registered_total']:.0f}",
            "logged in": f"{stats['sessions_opened_total']:.0f}",
            "refused": f"{stats['logins_refused_total'] + stats['logins_limited_total']:.0f}",
        }
