//! When things run: triggers, a ledger that closes, bounded history and a clean stop. Knows no markets.
