"""The ledger: a row for every request and every upstream call, in SQLite or PostgreSQL. SQLAlchemy stays in here."""
