//! Random numbers of the distributions that prices follow.

use fastrand::Rng;

/// A draw of the standard normal distribution (Box and Muller).
pub(super) fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * open_unit(rng).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A draw from (0, 1].
pub(super) fn open_unit(rng: &mut Rng) -> f64 {
    1.0 - rng.f64()
}

/// By what a normal draw is multiplied to be one of Student's t with 4 degrees of freedom, scaled to variance 1.
pub(super) fn student4_scale(rng: &mut Rng) -> f64 {
    let chi_square = -2.0 * (open_unit(rng) * open_unit(rng)).ln();
    (2.0 / chi_square).sqrt()
}

/// A draw of Poisson's distribution with a small mean (Knuth).
pub(super) fn poisson(rng: &mut Rng, mean: f64) -> u32 {
    let limit = (-mean.min(200.0)).exp();
    let mut product = open_unit(rng);
    let mut count = 0;
    while product > limit {
        product *= open_unit(rng);
        count += 1;
    }
    count
}

/// A whole number of [0, `end`), 0 when `end` is 0.
pub(super) fn below(rng: &mut Rng, end: usize) -> usize {
    if end == 0 { 0 } else { rng.usize(0..end) }
}
