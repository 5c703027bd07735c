"""PostGIS, the only truth: pool, private cluster, roles, migrations, partitions, and one query module per subject."""

from ioc.store.pool import Conn, Store

__all__ = ["Conn", "Store"]
