//! Numbers that look random and depend on nothing but their inputs.

/// Mixes a seed and two coordinates to a number; every bit of the inputs reaches every bit of the output.
pub(crate) fn mix(seed: u64, a: u64, b: u64) -> u64 {
    let x = finish(seed ^ 0x9e37_79b9_7f4a_7c15);
    let x = finish(x ^ a.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    finish(x ^ b.wrapping_mul(0x94d0_49bb_1331_11eb))
}

/// The finaliser of splitmix64.
fn finish(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A name as a number.
pub(crate) fn name(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A number as a fraction, 0 to below 1.
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number as a value around 0 with unit variance, within ±√3.
pub(crate) fn spread(hash: u64) -> f64 {
    (unit(hash) - 0.5) * 12_f64.sqrt()
}
