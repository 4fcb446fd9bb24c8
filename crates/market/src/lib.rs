//! The market's nouns: exchanges, symbols, tickers, books, candles, trades, and what every value must carry with it.
