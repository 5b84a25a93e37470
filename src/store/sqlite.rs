//! The embedded store: one SQLite file, one writer thread, a few readers.
