"""Comments that allow what a rule forbids: `# lint: allow drop-column because nothing reads it`.

At the end of a line, or on the lines above it, one is for that line; at the left margin, before
anything is defined, for the whole file. Each needs a reason.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .rules import OPERATION_RULES, STEP_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

_FORM = re.compile(r"#\s*lint:\s*(?P<what>.*)")
_ALLOW = re.compile(r"allow\s+(?P<rules>[\w\-, ]+?)\s+because\s+(?P<reason>\S.*)")


@dataclass
class Suppression:
    """One comment."""

    line: int  # 0: the whole file
    rules: frozenset[str]
    at: int
    wrong: str | None = None
    used: bool = field(default=False)


def read(source: str) -> list[Suppression]:
    """Return the comments of a file that speak to the lint."""
    return list(_read(source))


def allows(suppressions: list[Suppression], finding: Finding) -> bool:
    """Return whether a comment allows *finding*, and note that it was needed."""
    hits = [
        each
        for each in suppressions
        if finding.rule in each.rules and each.line in {0, finding.line}
    ]
    for each in hits:
        each.used = True
    return bool(hits)


def _read(source: str) -> Iterator[Suppression]:
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for place, token in enumerate(tokens):
        form = _FORM.match(token.string) if token.type == tokenize.COMMENT else None
        if form is None:
            continue
        line = token.start[0]
        alone = token.line.strip().startswith("#")
        if alone:
            line = 0 if token.start[1] == 0 else _next_code(tokens[place:], line)
        allow = _ALLOW.fullmatch(form["what"].strip())
        if allow is None:
            yield Suppression(
                line, frozenset(), token.start[0], "it says no rule, or no reason after `because`"
            )
            continue
        rules = frozenset(re.split(r"[,\s]+", allow["rules"].strip()))
        unknown = ", ".join(sorted(rules - set(OPERATION_RULES) - set(STEP_RULES)))
        wrong = f"there is no rule {unknown}" if unknown else None
        yield Suppression(line, rules, token.start[0], wrong)


def _next_code(tokens: list[tokenize.TokenInfo], line: int) -> int:
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    return next((each.start[0] for each in tokens if each.type not in skipped), line)
