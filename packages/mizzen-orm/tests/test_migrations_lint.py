"""The lint: one harmful and one safe migration for each rule and database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from mizzen.orm import Database
from mizzen.orm._migrations import files
from mizzen.orm._migrations.lint.linter import lint
from mizzen.orm._migrations.lint.rules import EVERYWHERE, OPERATION_RULES, STEP_RULES

if TYPE_CHECKING:
    from mizzen.orm._migrations.lint.finding import Finding

FOLDER = Path(__file__).parent / "migration_lint"
CASES = sorted(path for path in FOLDER.glob("*/*") if path.suffix in {".py", ".sql"})
RULES = {**OPERATION_RULES, **STEP_RULES}

BASE = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "1", None
def upgrade():
    op.create_table("authors", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.create_table(
        "posts",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("slug", sa.String(100)),
        sa.Column("subtitle", sa.String(100)),
        sa.Column("views", sa.Integer()),
        sa.Column("price", sa.Numeric(8, 2)),
        sa.Column("status", sa.Enum("open", "closed", name="status", create_type=False)),
        sa.Column("author_id", sa.BigInteger(), sa.ForeignKey("authors.id")),
        sa.CheckConstraint("subtitle IS NOT NULL", name="ck_posts_subtitle"),
    )
    op.create_index("ix_posts_slug", "posts", ["slug"])
    op.create_table(
        "tags",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("post_id", sa.BigInteger()),
    )
def downgrade():
    op.drop_table("tags")
    op.drop_table("posts")
    op.drop_table("authors")
"""
STEP = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "2", "1"
irreversible = "of no use in a test"
{marks}
def upgrade():
{body}
"""
MODELS = sa.MetaData()
sa.Table("posts", MODELS, sa.Column("id", sa.BigInteger()), sa.Column("title", sa.String()))


def findings(folder: Path, source: str, dialect: str, **options: Any) -> list[Finding]:
    (folder / "1_base.py").write_text(BASE)
    (folder / "2_case.py").write_text(source)
    history = files.read(folder)
    return lint(history, dialect, MODELS, only={"2"}, **options)


def step(body: str, marks: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return STEP.format(body=lines, marks=marks)


def rules(found: list[Finding]) -> set[str]:
    return {finding.rule for finding in found}


@pytest.mark.parametrize("path", CASES, ids=[f"{path.parent.name}-{path.name}" for path in CASES])
def test_the_harmful_file_is_found_and_the_safe_one_passes(path: Path, tmp_path: Path) -> None:
    kind, dialect = path.stem.split("_")
    source = path.read_text()
    if path.suffix == ".sql":
        concurrently = "transactional = False" if "CONCURRENTLY" in source else ""
        source = step(f"op.execute(sa.text({source!r}))", concurrently)
    found = findings(tmp_path, source, dialect)
    named = [finding for finding in found if finding.rule == path.parent.name]
    if kind == "bad":
        assert named, found
        assert all(f.path.name == "2_case.py" and f.dialect == dialect for f in named)
        assert all(finding.message and finding.recipe for finding in named)
        # One line of the step, and the right one: not the module's first.
        assert all(1 <= finding.line <= len(source.splitlines()) for finding in named)
    else:
        assert not named, named
        assert [finding for finding in found if finding.severity == "error"] == []


@pytest.mark.parametrize("name", sorted(RULES))
def test_each_rule_has_a_harmful_and_a_safe_file_for_each_of_its_databases(name: str) -> None:
    there = {path.name for path in (FOLDER / name).glob("*.py")}
    assert there == {
        f"{kind}_{dialect}.py" for kind in ("bad", "good") for dialect in RULES[name].dialects
    }


def test_no_folder_is_without_its_rule() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} == set(RULES)


@pytest.mark.parametrize("dialect", EVERYWHERE)
def test_a_new_table_may_be_altered_in_the_step_that_makes_it(dialect: str, tmp_path: Path) -> None:
    body = """
op.create_table("new", sa.Column("id", sa.BigInteger(), primary_key=True))
op.add_column("new", sa.Column("a", sa.String(9), nullable=False))
op.create_index("ix_new_a", "new", ["a"])
op.alter_column("new", "a", nullable=True, type_=sa.Text(), existing_type=sa.String(9))
op.drop_index("ix_new_a", "new")
op.drop_column("new", "a")
""".strip()
    assert rules(findings(tmp_path, step(body), dialect)) == set()


def test_a_finding_says_where_and_what_instead(tmp_path: Path) -> None:
    source = step('x = 1\nop.create_index("i", "posts", ["views"])')
    (finding,) = findings(tmp_path, source, "postgresql")
    assert source.splitlines()[finding.line - 1].strip().startswith("op.create_index")
    assert str(finding).startswith(f"{tmp_path}/2_case.py:{finding.line}: error: writers of posts")
    assert "postgresql_concurrently=True" in str(finding)


def test_a_comment_allows_a_rule_only_with_a_reason(tmp_path: Path) -> None:
    drop = 'op.drop_column("posts", "slug")'

    def found(source: str) -> set[str]:
        return rules(findings(tmp_path, source, "postgresql"))

    assert found(step(drop)) == {"drop-column"}
    assert found(step(f"# lint: allow drop-column because of X\n{drop}")) == set()
    assert found(step(f"{drop}  # lint: allow drop-column because of X")) == set()
    assert found(step(drop, "# lint: allow drop-column because of X")) == set()
    assert found(step(f"# lint: allow drop-column\n{drop}")) == {"drop-column", "suppression"}
    assert found(step(f"# lint: allow drop-column because\n{drop}")) == {
        "drop-column",
        "suppression",
    }
    assert found(step(f"# lint: allow drop-colum because X\n{drop}")) == {
        "drop-column",
        "suppression",
    }
    # Of another line, and in a string, it allows nothing.
    assert "drop-column" in found(step(f"# lint: allow drop-column because X\nx = 1\n{drop}"))
    assert "drop-column" in found(step(f"x = '# lint: allow drop-column because X'; {drop}"))


def test_a_comment_that_nothing_needs_is_named(tmp_path: Path) -> None:
    source = step("# lint: allow drop-column because X\nx = 1")
    (finding,) = findings(tmp_path, source, "sqlite")
    assert (finding.rule, finding.severity) == ("suppression", "hint")
    assert "nothing needs it" in finding.message


def test_only_large_tables_matter_when_they_are_named(tmp_path: Path) -> None:
    source = step(
        'with op.batch_alter_table("posts") as b:\n    b.alter_column("slug", type_=sa.Text())'
    )
    assert rules(findings(tmp_path, source, "sqlite")) == {"sqlite-rebuild"}
    assert rules(findings(tmp_path, source, "sqlite", big_tables=["posts"])) == {"sqlite-rebuild"}
    assert rules(findings(tmp_path, source, "sqlite", big_tables=["tags"])) == set()


def test_a_check_that_is_not_valid_yet_does_not_make_not_null_cheap(tmp_path: Path) -> None:
    body = """
op.create_check_constraint("c", "posts", '"slug" IS NOT NULL', postgresql_not_valid=True)
op.alter_column("posts", "slug", nullable=False)
""".strip()
    assert "set-not-null" in rules(findings(tmp_path, step(body), "postgresql"))
    body = body.replace("op.alter", 'op.validate_constraint("c", "posts")\nop.alter')
    assert "set-not-null" not in rules(findings(tmp_path, step(body), "postgresql"))


@pytest.mark.parametrize("dialect", EVERYWHERE)
@pytest.mark.parametrize(
    "sql",
    ["", ";", "ALTER", "ALTER TABLE", "ALTER TABLE posts", "ALTER TABLE posts ADD", "DROP INDEX",
     "CREATE INDEX", "CREATE INDEX ON", "CREATE INDEX x ON", "ALTER TABLE posts RENAME TO",
     "ALTER TABLE posts RENAME a TO", "ALTER TABLE posts ADD CONSTRAINT", "ALTER TYPE x ADD VALUE",
     "ALTER TABLE posts DROP", "ALTER TABLE posts ADD x int DEFAULT", "'", '"', "$$", "é;—",
     "ALTER TABLE posts ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES", "ALTER TABLE posts ALTER x",
     "ALTER TABLE posts VALIDATE CONSTRAINT", "ALTER TABLE posts ADD x int,", "((((", "))))"],
)  # fmt: skip
def test_any_sql_is_survived(sql: str, dialect: str, tmp_path: Path) -> None:
    found = findings(tmp_path, step(f"op.execute({sql!r})"), dialect)
    assert "unreadable" not in rules(found)


def test_data_functions_and_the_database_are_not_reached(tmp_path: Path) -> None:
    source = (
        step("for row in op.get_bind().execute(sa.text('SELECT 1')): raise RuntimeError")
        + "\ndef upgrade_data(connection):\n    raise RuntimeError('reached')\n"
    )
    found = findings(tmp_path, source, "sqlite")
    assert "unreadable" not in rules(found)


async def test_the_lint_of_a_folder_knows_what_is_applied(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "1_base.py").write_text(BASE)
    (folder / "2_case.py").write_text(step('op.drop_column("posts", "slug")'))
    async with Database() as db:
        migrations = db.migrations(folder)
        assert {f.rule for f in await migrations.lint()} == {"drop-column", "sqlite-rebuild"}
        await migrations.up(1)
        assert {f.path.name for f in await migrations.lint(pending=True)} == {"2_case.py"}
        found = await migrations.lint(dialect="mariadb")
        assert "drop-column" in {f.rule for f in found}
