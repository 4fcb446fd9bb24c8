//! The table of the faults names tests that exist.

use std::fs;
use std::path::{Path, PathBuf};

const AT_CLIENT: &str = "crates/http/tests/it/faults";
const AT_SOURCE: &str = "crates/source/tests/it";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of the table: number, and the cells with the tests at the client and at the source.
fn rows(page: &str) -> Vec<(u32, String, String)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, _, _, client, source, _] = cells[..] else {
            return None;
        };
        Some((number.parse().ok()?, client.to_owned(), source.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

/// What is wrong with the tests that a cell names.
fn missing(cell: &str, folder: &str) -> Vec<String> {
    let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return vec![format!("\"{cell}\" names no test")];
    }
    let exists = |name: &str| {
        let (module, test) = name.split_once("::")?;
        let file = root().join(folder).join(format!("{module}.rs"));
        let text = fs::read_to_string(file).ok()?;
        text.contains(&format!("fn {test}(")).then_some(())
    };
    let gone = names.into_iter().filter(|name| exists(name).is_none());
    gone.map(|name| format!("{folder}: {name}")).collect()
}

#[test]
fn every_row_of_the_table_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let rows = rows(&page);
    let numbers: Vec<u32> = rows.iter().map(|(number, ..)| *number).collect();
    let expected: Vec<u32> = (1..=29).filter(|number| *number != 19).collect();
    assert_eq!(numbers, expected);
    let gone: Vec<String> = rows
        .iter()
        .flat_map(|(_, client, source)| {
            let mut gone = missing(client, AT_CLIENT);
            gone.extend(missing(source, AT_SOURCE));
            gone
        })
        .collect();
    assert!(gone.is_empty(), "{gone:#?}");
    // And a name that is not there is found.
    assert_eq!(missing("`table::no_such_test`", AT_SOURCE).len(), 1);
    assert_eq!(missing("none", AT_CLIENT).len(), 1);
}
