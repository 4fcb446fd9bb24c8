//! A whole run, as the command prints it.

use std::fmt;

use robust_market::Dimension;

use super::{Entry, Outcome, Recall, SIGMAS, interval};

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
                let (low, high) = share.wilson();
                write!(f, "  {sigma} σ {:.3} ({low:.2}–{high:.2})", share.value())?;
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

impl Recall {
    /// What was found of the kinds that belong to each dimension.
    pub(super) fn by_dimension(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for dimension in Dimension::ALL {
            let of = |entry: &Entry| entry.dimension == dimension;
            let kinds = self.found.iter().filter(|(entry, _)| of(entry)).count();
            writeln!(
                f,
                "{:<12} {kinds:>2} kinds  found {:.4} ({})  there {:.4}  out {:.4}",
                dimension.as_str(),
                self.mean(of, |found| found.any),
                interval(self.sum(of, |found| found.any)),
                self.mean(of, |found| found.dimension),
                self.mean(of, |found| found.kept_out),
            )?;
        }
        Ok(())
    }
}
