//! How many tests passed, failed and were skipped: read from the runners' own summaries.

use std::fmt;
use std::ops::AddAssign;

/// A count of tests. Its text is the closing line of a run: `N passed, N failed, N skipped`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Tests that were executed.
    pub(crate) fn ran(self) -> u64 {
        self.passed + self.failed
    }

    /// Reads the summary of cargo-nextest; `None` when there is none (it did not compile).
    ///
    /// `Summary [ 1.2s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped`
    pub(crate) fn of_nextest(text: &str) -> Option<Self> {
        let line = text
            .lines()
            .rev()
            .find(|line| line.trim_start().starts_with("Summary ["))?;
        let (_, list) = line.split_once("run:")?;
        let mut counts = Self::default();
        for part in without_parentheses(list).split(',') {
            match number_and_word(part) {
                Some((n, "passed")) => counts.passed += n,
                Some((n, "skipped")) => counts.skipped += n,
                // failed, timed out, exec failed: none of them passed.
                Some((n, _)) => counts.failed += n,
                None => {}
            }
        }
        Some(counts)
    }

    /// Sums the result lines of libtest, one for each binary or crate; `None` when there is none.
    ///
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in …`
    pub(crate) fn of_libtest(text: &str) -> Option<Self> {
        let mut counts = None;
        for line in text.lines() {
            let Some((_, list)) = line.split_once("test result: ") else {
                continue;
            };
            let counts: &mut Self = counts.get_or_insert_default();
            // The first part is `ok. 3 passed`.
            let list = list.split_once(". ").map_or(list, |(_, rest)| rest);
            for part in list.split(';') {
                match number_and_word(part) {
                    Some((n, "passed")) => counts.passed += n,
                    Some((n, "failed")) => counts.failed += n,
                    Some((n, "ignored" | "filtered")) => counts.skipped += n,
                    _ => {}
                }
            }
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// `" 3 passed"` → `(3, "passed")`.
fn number_and_word(part: &str) -> Option<(u64, &str)> {
    let mut words = part.split_whitespace();
    let number = words.next()?.parse().ok()?;
    Some((number, words.next()?))
}

/// `9 passed (1 slow, 1 flaky), 2 failed` → `9 passed , 2 failed`.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn reads_the_summary_of_nextest() {
        let table = [
            (
                "     Summary [   0.004s] 1 test run: 1 passed, 0 skipped",
                counts(1, 0, 0),
            ),
            (
                "     Summary [  12.0s] 14 tests run: 9 passed (1 slow, 1 flaky), 4 failed, 1 timed out, 3 skipped",
                counts(9, 5, 3),
            ),
            (
                "     Summary [   1.0s] 3/9 tests run: 2 passed, 1 failed, 0 skipped",
                counts(2, 1, 0),
            ),
            (
                "     Summary [   0.0s] 0 tests run: 0 passed, 7 skipped",
                counts(0, 0, 7),
            ),
        ];
        for (line, expected) in table {
            let text = format!("   Compiling x v0.1.0\n{line}\n        FAIL [ 0.1s] x y\n");
            assert_eq!(Counts::of_nextest(&text), Some(expected), "{line}");
        }
    }

    #[test]
    fn sums_the_results_of_libtest() {
        let text = "\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
            noise: 5 passed\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n";
        assert_eq!(Counts::of_libtest(text), Some(counts(7, 2, 3)));
    }

    #[test]
    fn a_run_that_did_not_compile_has_no_counts() {
        let text = "error: could not compile `x` (lib) due to 1 previous error";
        assert_eq!(Counts::of_nextest(text), None);
        assert_eq!(Counts::of_libtest(text), None);
    }

    #[test]
    fn the_closing_line_is_plain() {
        let mut sum = counts(300, 1, 2);
        sum += counts(12, 0, 0);
        assert_eq!(sum.to_string(), "312 passed, 1 failed, 2 skipped");
    }
}
