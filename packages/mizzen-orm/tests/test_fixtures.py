"""The plugin's fixtures, as a project would use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mizzen.orm import Model

if TYPE_CHECKING:
    from mizzen.orm import Database


async def test_models_and_database_last_for_one_test(
    mizzen_models: None, mizzen_db: Database
) -> None:
    class Leaf(Model):
        name: str

    await mizzen_db.create_all()
    await Leaf.create(name="oak")
    assert await Leaf.all().count() == 1
    async with mizzen_db.session() as session:
        assert session.get_bind().dialect.name == "sqlite"
