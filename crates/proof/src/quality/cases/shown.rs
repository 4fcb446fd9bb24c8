//! The table of a run.

use std::fmt;

use super::Cases;

impl fmt::Display for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:>7} {:>6} {:>13} {:>6} {:>6} {:>24} {:>7} {:>7} {:>24}",
            "kind",
            "corrupt",
            "found",
            "95 %",
            "there",
            "out",
            "accept/exclude/quar/rej",
            "clean",
            "alarms",
            "accept/exclude/quar/rej"
        )?;
        for (data, tally) in &self.tallies {
            let words = |[reject, quarantine, exclude, accept]: [u32; 4]| {
                format!("{accept}/{exclude}/{quarantine}/{reject}")
            };
            let [corrupt, clean] = tally.acceptance;
            let (low, high) = tally.found.wilson();
            writeln!(
                f,
                "{:<8} {:>7} {:>6.3} {:>13} {:>6.3} {:>6.3} {:>24} {:>7} {:>7} {:>24}",
                data.as_str(),
                tally.found.trials,
                tally.found.value(),
                format!("{low:.3}–{high:.3}"),
                tally.dimension.value(),
                tally.kept_out.value(),
                words(corrupt),
                tally.false_alarms.trials,
                tally.false_alarms.hits,
                words(clean)
            )?;
        }
        for (title, lines) in [
            ("judged otherwise than labelled:", &self.wrong),
            ("no case:", &self.unreadable),
            ("files that hold no cases:", &self.left_out),
        ] {
            if !lines.is_empty() {
                writeln!(f, "{title}")?;
            }
            for line in lines {
                writeln!(f, "  {line}")?;
            }
        }
        for row in self.rows() {
            let word = if row.holds { "holds" } else { "MISSED" };
            writeln!(
                f,
                "{:<28} {:>9.4} {:<10} goal {:<5} {word} {}",
                row.id, row.value, row.unit, row.goal, row.note
            )?;
        }
        Ok(())
    }
}
