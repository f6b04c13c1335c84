"""Active-record models, queries and migrations on SQLModel and SQLAlchemy."""

from sqlmodel import Field, col

from ._data.diagram import Diagram, diagram
from ._data.results import Results
from ._database import Database
from ._errors import (
    Abort,
    Busy,
    ConfigurationError,
    Conflict,
    ConstraintFailed,
    Damaged,
    Invalid,
    Lagged,
    MigrationFailed,
    MultipleFound,
    NoTenant,
    NotFound,
    NotLoaded,
    NotStarted,
    NotUnique,
    NPlusOne,
    OrmError,
    QueryFailed,
    ReadOnly,
    Restricted,
    RolledBack,
    SchemasFailed,
    Stale,
    Unavailable,
    UnknownName,
    Unreadable,
    WrongTenant,
)
from ._events.change import Change
from ._events.feed import Changes, Listening
from ._fields.encrypted import Encrypted
from ._fields.enums import ByValue
from ._fields.generated import Generated
from ._fields.keys import Keys, encryption_keys
from ._fields.normalized import Normalize
from ._fields.reencrypt import reencrypt
from ._models.callback_marks import (
    after_commit,
    after_create,
    after_destroy,
    after_rollback,
    after_save,
    after_update,
    after_validate,
    before_create,
    before_destroy,
    before_save,
    before_update,
    before_validate,
)
from ._models.model import Model
from ._models.soft_delete import SoftDelete
from ._models.timestamps import Timestamps
from ._queries.pages import Page, Slice
from ._queries.query import Query
from ._queries.raw import Plan
from ._queries.rows import Rows
from ._queries.scopes import default_scope, scope
from ._relations.counters import reset_counters
from ._relations.lazy import Related
from ._relations.options import Relationship
from ._search.backend import SearchCheck
from ._search.hits import Hit
from ._search.index import SearchIndex
from ._sync.facade import Sync
from ._sync.wrappers import SyncCalls, SyncModel, SyncObject, SyncQuery
from ._tenancy.column import TenantKey
from ._tenancy.current import all_tenants, tenant
from ._watching.query_run import QueryRun
from ._watching.tracing import trace_queries

__all__ = [
    "Abort",
    "Busy",
    "ByValue",
    "Change",
    "Changes",
    "ConfigurationError",
    "Conflict",
    "ConstraintFailed",
    "Damaged",
    "Database",
    "Diagram",
    "Encrypted",
    "Field",
    "Generated",
    "Hit",
    "Invalid",
    "Keys",
    "Lagged",
    "Listening",
    "MigrationFailed",
    "Model",
    "MultipleFound",
    "NPlusOne",
    "NoTenant",
    "Normalize",
    "NotFound",
    "NotLoaded",
    "NotStarted",
    "NotUnique",
    "OrmError",
    "Page",
    "Plan",
    "Query",
    "QueryFailed",
    "QueryRun",
    "ReadOnly",
    "Related",
    "Relationship",
    "Restricted",
    "Results",
    "RolledBack",
    "Rows",
    "SchemasFailed",
    "SearchCheck",
    "SearchIndex",
    "Slice",
    "SoftDelete",
    "Stale",
    "Sync",
    "SyncCalls",
    "SyncModel",
    "SyncObject",
    "SyncQuery",
    "TenantKey",
    "Timestamps",
    "Unavailable",
    "UnknownName",
    "Unreadable",
    "WrongTenant",
    "after_commit",
    "after_create",
    "after_destroy",
    "after_rollback",
    "after_save",
    "after_update",
    "after_validate",
    "all_tenants",
    "before_create",
    "before_destroy",
    "before_save",
    "before_update",
    "before_validate",
    "col",
    "default_scope",
    "diagram",
    "encryption_keys",
    "reencrypt",
    "reset_counters",
    "scope",
    "tenant",
    "trace_queries",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith(__name__):
        globals()[_name].__module__ = __name__
