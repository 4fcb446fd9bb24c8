//! Where the values of a JSON text stand, so that one can be replaced without touching a digit of the others.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::ops::Range;

/// One value of a JSON text.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it stands, such as `/data/0/last`.
    pub(super) path: String,
    /// The value.
    pub(super) value: Range<usize>,
    /// The value, with its key in an object, and with a comma that separates it.
    pub(super) with_comma: Range<usize>,
    /// Whether it holds no other value.
    pub(super) is_leaf: bool,
    /// Whether another value stands beside it.
    pub(super) has_siblings: bool,
}

/// Every value of a text that is JSON; nothing for another text.
pub(super) fn nodes(text: &str) -> Vec<Node> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return Vec::new();
    }
    let mut scan = Scan {
        text,
        at: 0,
        nodes: Vec::new(),
    };
    if scan.value("", 0).is_none() {
        return Vec::new();
    }
    scan.nodes
}

/// The text with something else in a place.
pub(super) fn replaced(text: &str, place: &Range<usize>, by: &str) -> String {
    let head = text.get(..place.start).unwrap_or_default();
    let tail = text.get(place.end..).unwrap_or_default();
    format!("{head}{by}{tail}")
}

/// Nobody writes a canned answer deeper than this.
const DEPTH_MAX: usize = 32;

struct Scan<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Reads one value; the text is known to be JSON, so `None` only says that it is too deep.
    fn value(&mut self, path: &str, depth: usize) -> Option<usize> {
        self.blanks();
        let start = self.at;
        let own = self.nodes.len();
        let first = self.peek()?;
        self.nodes.push(Node {
            path: path.to_owned(),
            value: start..start,
            with_comma: start..start,
            is_leaf: !matches!(first, b'{' | b'['),
            has_siblings: false,
        });
        match first {
            b'{' | b'[' if depth < DEPTH_MAX => self.items(path, depth, first == b'{')?,
            b'{' | b'[' => return None,
            b'"' => self.string(),
            _ => {
                while self
                    .peek()
                    .is_some_and(|b| !matches!(b, b',' | b']' | b'}') && !b.is_ascii_whitespace())
                {
                    self.at += 1;
                }
            }
        }
        let end = self.at;
        if let Some(node) = self.nodes.get_mut(own) {
            node.value = start..end;
            node.with_comma = start..end;
        }
        Some(own)
    }

    fn items(&mut self, path: &str, depth: usize, is_object: bool) -> Option<()> {
        self.at += 1;
        let mut children: Vec<usize> = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'}' | b']' => break,
                b',' => self.at += 1,
                _ => {}
            }
            self.blanks();
            let start = self.at;
            let name = if is_object {
                self.string();
                let key = self.text.get(start + 1..self.at.saturating_sub(1))?;
                self.blanks();
                self.at += 1;
                key.to_owned()
            } else {
                children.len().to_string()
            };
            let child = self.value(&format!("{path}/{name}"), depth + 1)?;
            if let Some(node) = self.nodes.get_mut(child) {
                node.with_comma.start = start;
            }
            children.push(child);
        }
        self.at += 1;
        self.join(&children);
        Some(())
    }

    /// Gives every item the comma that goes when it goes: the one behind it, or for the last one the one before it.
    fn join(&mut self, children: &[usize]) {
        let places: Vec<_> = children
            .iter()
            .filter_map(|child| self.nodes.get(*child))
            .map(|node| node.with_comma.clone())
            .collect();
        for (position, child) in children.iter().enumerate() {
            let next = places.get(position + 1);
            let before = position.checked_sub(1).and_then(|at| places.get(at));
            if let Some(node) = self.nodes.get_mut(*child) {
                node.has_siblings = children.len() > 1;
                match (next, before) {
                    (Some(next), _) => node.with_comma.end = next.start,
                    (None, Some(before)) => node.with_comma.start = before.end,
                    (None, None) => {}
                }
            }
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"a": [ "x\"]" , {"b":1e5}, 3 ], "c":null}"#;

    #[test]
    fn every_value_is_found_where_it_stands() {
        let found: Vec<_> = nodes(TEXT)
            .into_iter()
            .map(|node| (node.path, TEXT[node.value].to_owned()))
            .filter(|(_, text)| text.len() < 12)
            .collect();
        let expected = [
            ("/a/0", r#""x\"]""#),
            ("/a/1", r#"{"b":1e5}"#),
            ("/a/1/b", "1e5"),
            ("/a/2", "3"),
            ("/c", "null"),
        ];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert!(nodes("no json").is_empty());
    }

    #[test]
    fn what_is_left_without_a_value_is_json() {
        for node in nodes(TEXT).iter().filter(|node| !node.path.is_empty()) {
            let left = replaced(TEXT, &node.with_comma, "");
            assert!(
                serde_json::from_str::<serde_json::Value>(&left).is_ok(),
                "{} leaves {left}",
                node.path
            );
        }
    }
}
