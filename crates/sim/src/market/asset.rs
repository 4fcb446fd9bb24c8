//! The assets of the generated market and where their prices start.

use crate::market::feed::Terms;
use crate::market::hash::{mix, name};
use crate::market::path::Path;

/// Code, dollars at the reference, standard deviation of the log price over a day. BTC and ETH first, then roughly by
/// how much they are traded. The dollars are round figures of late 2024: a start, not data.
#[rustfmt::skip]
pub(crate) const COINS: &[(&str, f64, f64)] = &[
    ("BTC", 96500.0, 0.020),
    ("ETH", 3320.0, 0.026),
    ("SOL", 238.0, 0.038),
    ("XRP", 1.42, 0.042),
    ("BNB", 615.0, 0.030),
    ("DOGE", 0.385, 0.034),
    ("ADA", 0.83, 0.038),
    ("TRX", 0.201, 0.042),
    ("AVAX", 36.4, 0.030),
    ("LINK", 15.6, 0.034),
    ("TON", 5.55, 0.038),
    ("SHIB", 0.0000251, 0.042),
    ("DOT", 6.12, 0.030),
    ("BCH", 498.0, 0.034),
    ("LTC", 91.3, 0.038),
    ("XLM", 0.268, 0.042),
    ("UNI", 9.15, 0.030),
    ("NEAR", 5.72, 0.034),
    ("PEPE", 0.0000208, 0.038),
    ("APT", 12.1, 0.042),
    ("SUI", 3.61, 0.030),
    ("ICP", 9.33, 0.034),
    ("ETC", 27.4, 0.038),
    ("AAVE", 172.0, 0.042),
    ("FIL", 4.68, 0.030),
    ("HBAR", 0.131, 0.034),
    ("POL", 0.452, 0.038),
    ("ARB", 0.742, 0.042),
    ("OP", 1.93, 0.030),
    ("ATOM", 6.44, 0.034),
    ("INJ", 25.2, 0.038),
    ("RENDER", 7.31, 0.042),
    ("IMX", 1.44, 0.030),
    ("GRT", 0.201, 0.034),
    ("FET", 1.31, 0.038),
    ("TIA", 5.21, 0.042),
    ("SEI", 0.471, 0.030),
    ("JUP", 1.09, 0.034),
    ("ENA", 0.63, 0.038),
    ("ONDO", 0.94, 0.042),
    ("LDO", 1.27, 0.030),
    ("ALGO", 0.192, 0.034),
    ("QNT", 101.0, 0.038),
    ("MKR", 1570.0, 0.042),
    ("FLOW", 0.71, 0.030),
    ("SAND", 0.391, 0.034),
    ("MANA", 0.432, 0.038),
    ("AXS", 5.41, 0.042),
    ("EGLD", 29.8, 0.030),
    ("XTZ", 0.951, 0.034),
    ("EOS", 0.702, 0.038),
    ("THETA", 1.52, 0.042),
    ("CRV", 0.521, 0.030),
    ("SNX", 1.83, 0.034),
    ("COMP", 52.3, 0.038),
    ("CHZ", 0.0772, 0.042),
    ("GALA", 0.0281, 0.030),
    ("KAVA", 0.413, 0.034),
    ("ZEC", 44.2, 0.038),
    ("DASH", 29.1, 0.042),
    ("XMR", 158.0, 0.030),
    ("BAT", 0.221, 0.034),
    ("ENJ", 0.189, 0.038),
    ("LRC", 0.173, 0.042),
    ("YFI", 7350.0, 0.030),
    ("1INCH", 0.301, 0.034),
    ("SUSHI", 0.812, 0.038),
    ("ANKR", 0.0312, 0.042),
    ("STORJ", 0.462, 0.030),
    ("OCEAN", 0.561, 0.034),
    ("BAL", 2.11, 0.038),
    ("KNC", 0.512, 0.042),
    ("ZRX", 0.371, 0.030),
    ("QTUM", 2.92, 0.034),
    ("ICX", 0.163, 0.038),
    ("LSK", 0.921, 0.042),
    ("SC", 0.00531, 0.030),
    ("KSM", 25.9, 0.034),
    ("ROSE", 0.0772, 0.038),
    ("DYDX", 1.24, 0.042),
    ("GMX", 26.4, 0.030),
    ("BLUR", 0.253, 0.034),
    ("APE", 1.15, 0.038),
    ("CVX", 3.12, 0.042),
    ("FXS", 2.31, 0.030),
    ("RUNE", 5.11, 0.034),
    ("MINA", 0.582, 0.038),
    ("CELO", 0.681, 0.042),
    ("GLMR", 0.211, 0.030),
    ("ASTR", 0.0591, 0.034),
    ("BICO", 0.342, 0.038),
    ("API3", 1.62, 0.042),
    ("BAND", 1.36, 0.030),
    ("AUDIO", 0.142, 0.034),
    ("CTSI", 0.163, 0.038),
    ("OXT", 0.0811, 0.042),
    ("NMR", 15.3, 0.030),
    ("REQ", 0.117, 0.034),
    ("PERP", 0.741, 0.038),
    ("RLC", 1.71, 0.042),
    ("SPELL", 0.000612, 0.030),
    ("SUPER", 1.23, 0.034),
    ("TRU", 0.0812, 0.038),
    ("WOO", 0.212, 0.042),
    ("STRK", 0.462, 0.030),
    ("PYTH", 0.392, 0.034),
    ("WIF", 2.91, 0.038),
    ("BONK", 0.0000432, 0.042),
    ("FLOKI", 0.000214, 0.030),
    ("JTO", 2.71, 0.034),
    ("W", 0.281, 0.038),
    ("ZRO", 3.81, 0.042),
    ("BSV", 62.4, 0.038),
];

/// What else prices are given in.
const MONEY: &[(&str, f64, f64)] = &[
    ("USD", 1.0, 0.0),
    ("USDT", 0.9996, 0.000_2),
    ("USDC", 0.9999, 0.000_1),
    ("EUR", 1.055, 0.004),
];

fn find(code: &str) -> (f64, f64) {
    COINS
        .iter()
        .chain(MONEY)
        .find(|(name, ..)| *name == code)
        .map_or((1.0, 0.0), |(_, usd, daily)| (*usd, *daily))
}

/// The price of a pair at the reference.
pub(crate) fn reference(base: &str, quote: &str) -> f64 {
    find(base).0 / find(quote).0
}

/// What a pair's trades depend on. The paths of the assets are shared by all pairs and exchanges of a seed, so that
/// `BTC/USD` here and `BTC/USDT` there tell the same story.
pub(crate) fn terms(
    seed: u64,
    exchange: &str,
    (base, quote): (&str, &str),
    (price_places, lot_places): (u32, u32),
) -> Terms {
    let path = |code: &str| Path::new(mix(seed, name(code), 0), find(code).1);
    let rank = COINS.iter().position(|(name, ..)| *name == base);
    Terms {
        seed: mix(seed, name(exchange), mix(name(base), name(quote), 0)),
        base: path(base),
        quote: path(quote),
        reference: reference(base, quote),
        quote_usd: find(quote).0,
        price_places,
        lot_places,
        orders: match rank {
            Some(0) => 160,
            Some(1) => 140,
            Some(2..12) => 100,
            Some(12..40) => 60,
            _ => 36,
        },
    }
}
