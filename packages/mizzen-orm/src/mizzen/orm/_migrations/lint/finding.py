"""What the lint has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Severity = Literal["error", "warning", "hint"]


class Finding(NamedTuple):
    """One finding: the rule, where, what would happen on the dialect, and the safe recipe."""

    rule: str
    severity: Severity
    path: Path
    line: int
    dialect: str
    message: str
    recipe: str

    def __str__(self) -> str:
        """Show it as compilers do."""
        return (
            f"{self.path}:{self.line}: {self.severity}: {self.message} [{self.rule}, "
            f"{self.dialect}]\n    instead: {self.recipe}"
        )
