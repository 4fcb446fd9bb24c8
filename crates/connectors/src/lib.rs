//! Exchange connectors without I/O: requests to HTTP, bytes to records, errors to verdicts, weights and symbol tables.
