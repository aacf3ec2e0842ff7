"""PostgreSQL: engine, models, one module of queries per table."""
