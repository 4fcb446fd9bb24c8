//! Is this data true? Rules over decoded market data; pure, the clock is an argument.
