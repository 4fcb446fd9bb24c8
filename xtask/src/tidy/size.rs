//! How long a file may be: a reader holds about 250 lines in mind, 500 is the end.

use super::facts::Facts;

/// Lines of code with their documentation, before the unit tests.
const CODE: usize = 500;
/// Lines of a file of tests, or of code and its unit tests together.
const WITH_TESTS: usize = 800;

/// Longer files, each with its reason.
const EXEMPT: &[(&str, &str)] = &[];

/// No Rust file is longer than its limit.
pub(crate) fn lines(facts: &Facts) -> Vec<String> {
    check(facts, EXEMPT)
}

fn check(facts: &Facts, exempt: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in facts.rust_files() {
        if exempt.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        let all = file.text.lines().count();
        let code = file.code_lines().count();
        if !file.is_test() && code > CODE {
            complaints.push(format!(
                "{} has {code} lines of code (limit {CODE})",
                file.path
            ));
        } else if all > WITH_TESTS {
            complaints.push(format!(
                "{} has {all} lines (limit {WITH_TESTS})",
                file.path
            ));
        }
    }
    for (path, _) in exempt {
        if facts.file(path).is_none() {
            complaints.push(format!("{path} is exempt from the size limit but missing"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::facts::Facts;

    fn code(lines: usize) -> String {
        "fn x() {}\n".repeat(lines)
    }

    #[test]
    fn limits_count_code_and_tests_apart() {
        let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", code(450), code(200));
        let too_much = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", code(450), code(400));
        let facts = Facts::of_files(&[
            ("crates/a/src/full.rs", &code(500)),
            ("crates/a/src/over.rs", &code(501)),
            ("crates/a/src/tested.rs", &with_tests),
            ("crates/a/src/too_much.rs", &too_much),
            ("crates/a/tests/it/table.rs", &code(800)),
            ("crates/a/tests/it/long.rs", &code(801)),
        ]);
        assert_eq!(
            check(&facts, &[]),
            [
                "crates/a/src/over.rs has 501 lines of code (limit 500)",
                "crates/a/src/too_much.rs has 853 lines (limit 800)",
                "crates/a/tests/it/long.rs has 801 lines (limit 800)",
            ]
        );
    }

    #[test]
    fn an_exemption_holds_as_long_as_its_file() {
        let facts = Facts::of_files(&[("crates/a/src/table.rs", &code(600))]);
        let exempt = [("crates/a/src/table.rs", "one table, read top down")];
        assert!(check(&facts, &exempt).is_empty());
        let stale = [exempt[0], ("crates/a/src/gone.rs", "was long")];
        assert_eq!(check(&facts, &stale).len(), 1);
    }
}
