//! A cache with two ages and single flight whose load outlives its callers. Knows no markets.
