//! A whole run, as the command prints it.

use std::fmt;

use super::{Outcome, SIGMAS};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.recorded)?;
        writeln!(f, "{}", self.clean)?;
        writeln!(f, "{}", self.recall)?;
        write!(f, "{}", self.beyond)?;
        writeln!(
            f,
            "\nfound of displaced bars and prints, by multiple of the deviation (no peers)"
        )?;
        for (name, shares) in [
            ("candles", &self.power.candles),
            ("ticker", &self.power.tickers),
        ] {
            write!(f, "{name:<8}")?;
            for (sigma, share) in SIGMAS.iter().zip(shares) {
                write!(f, "  {sigma} σ {:.3}", share.value())?;
            }
            writeln!(f, "  (n {} each)", shares[0].trials)?;
        }
        if !self.crashes.is_empty() {
            writeln!(
                f,
                "\nthe largest move of 24 bars in each series: seconds whose newest print is quarantined"
            )?;
        }
        for crash in &self.crashes {
            writeln!(
                f,
                "{:<40} moved {:>7.1} %  {:>8} s of {:>9} s, a print each {} s",
                crash.name,
                crash.moved * 100.0,
                crash.without,
                crash.of,
                crash.every
            )?;
        }
        writeln!(f)?;
        for row in self.rows() {
            let word = if row.holds { "holds" } else { "MISSED" };
            writeln!(
                f,
                "{:<36} {:>9.4} {:<12} goal {:<7} {word:<7} {}",
                row.id, row.value, row.unit, row.goal, row.note
            )?;
        }
        Ok(())
    }
}
