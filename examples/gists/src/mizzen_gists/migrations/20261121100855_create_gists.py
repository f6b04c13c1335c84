"""create gists

Made 2026-11-21 10:08 UTC, after nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121100855"
down_revision = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "gists",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum("PUBLIC", "UNLISTED", "PRIVATE", name="visibility"),
            nullable=False,
        ),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("forked_from", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("preview", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["forked_from"], ["gists.id"], name=op.f("fk_gists_forked_from"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gists")),
        sa.UniqueConstraint("source", name=op.f("uq_gists_source")),
    )
    with op.batch_alter_table("gists", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gists_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_gists_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_gists_updated_at"), ["updated_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_gists_visibility"), ["visibility"], unique=False)

    op.create_table(
        "sources",
        sa.Column("path", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_sources")),
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gist_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("html", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gist_id"], ["gists.id"], name=op.f("fk_files_gist_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_files_gist_id"), ["gist_id"], unique=False)

    op.create_table(
        "stars",
        sa.Column("gist_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gist_id"], ["gists.id"], name=op.f("fk_stars_gist_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gist_id", "user_id", name=op.f("pk_stars")),
    )
    op.create_search_index("files", "id", ["name", "content"], numbered=True)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_search_index("files")
    op.drop_table("stars")
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_files_gist_id"))

    op.drop_table("files")
    op.drop_table("sources")
    with op.batch_alter_table("gists", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gists_visibility"))
        batch_op.drop_index(batch_op.f("ix_gists_updated_at"))
        batch_op.drop_index(batch_op.f("ix_gists_owner_id"))
        batch_op.drop_index(batch_op.f("ix_gists_created_at"))

    op.drop_table("gists")
