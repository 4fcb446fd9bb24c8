//! Changing an answer: its bytes, its JSON tokens, their types, their nesting, its end.

use std::ops::Range;

use fastrand::Rng;

/// What stands in place of a token: every type, numbers at every edge, text that is no number, nothing.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e-999",
    "1.5e3",
    "9223372036854775808",
    "18446744073709551616",
    "12345678901234567890123456789",
    "0.00000000000000000000000000000000001",
    "\"\"",
    "\"NaN\"",
    "\"-Infinity\"",
    "\"1e400\"",
    "\" 1\"",
    "\"1,5\"",
    "\"\\u0031\"",
    "\"\\ud800\"",
    "\"\\\"\"",
    "\"0x10\"",
    "[]",
    "{}",
    "[[]]",
    "{\"a\":{}}",
    "[null]",
    "",
    ",",
    ":",
    "\"last\"",
    "\"data\"",
    "\"-99999999999999999999\"",
    "253402300800",
    "\"ü\"",
    "1.",
    "01",
];

/// Values of a valid JSON text, each of another type than the numbers, texts and booleans of a record.
const OTHER_TYPES: &[&str] = &[
    "null",
    "[]",
    "{}",
    "[1,[2]]",
    "{\"a\":1}",
    "\"NaN\"",
    "1e999",
    "\"\\u0031\"",
    "-1",
];

/// A seeded source of changes.
#[derive(Debug)]
pub struct Mutator(Rng);

impl Mutator {
    /// The same seed makes the same changes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// A number below `end`, for the caller's own choices.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(0..end.max(1))
    }

    /// Changes an answer in one to six places.
    pub fn change(&mut self, body: &mut Vec<u8>) {
        for _ in 0..self.0.usize(1..=6) {
            match self.0.u8(0..10) {
                0 => self.byte(body),
                1 => self.cut(body),
                2 => self.nest(body),
                3 => self.repeat(body),
                4 => self.swap(body),
                5 => self.remove(body),
                _ => self.odd(body),
            }
            body.truncate(1 << 16);
        }
    }

    /// Gives one leaf inside of a record another type; `None` when there is none.
    ///
    /// A leaf is a value that stands at least `depth` lists or records deep.
    pub fn retype(&mut self, body: &str, depth: usize) -> Option<String> {
        let leaves: Vec<Range<usize>> = tokens(body.as_bytes())
            .into_iter()
            .filter(|token| token.depth >= depth && token.is_leaf)
            .map(|token| token.place)
            .collect();
        let leaf = leaves.get(self.below(leaves.len()))?.clone();
        let other = self.0.choice(OTHER_TYPES)?;
        Some(format!(
            "{}{other}{}",
            body.get(..leaf.start)?,
            body.get(leaf.end..)?
        ))
    }

    fn place(&mut self, body: &[u8]) -> Option<Range<usize>> {
        let tokens = tokens(body);
        tokens
            .get(self.below(tokens.len()))
            .map(|t| t.place.clone())
    }

    fn byte(&mut self, body: &mut Vec<u8>) {
        let at = self.below(body.len());
        let byte = self.0.u8(..);
        match self.0.u8(0..3) {
            0 => body.insert(at, byte),
            1 if at < body.len() => {
                body.remove(at);
            }
            _ => {
                if let Some(place) = body.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }

    fn cut(&mut self, body: &mut Vec<u8>) {
        let end = self.below(body.len());
        body.truncate(end);
    }

    fn nest(&mut self, body: &mut Vec<u8>) {
        let Some(place) = self.place(body) else {
            return;
        };
        let depth = *self.0.choice(&[1_usize, 2, 30, 130, 2_000]).unwrap_or(&1);
        let (open, close) = if self.0.bool() {
            ("[", "]")
        } else {
            ("{\"a\":", "}")
        };
        let inner = body.get(place.clone()).unwrap_or_default().to_vec();
        let mut text = open.repeat(depth).into_bytes();
        text.extend(inner);
        text.extend(close.repeat(depth).into_bytes());
        body.splice(place, text);
    }

    fn repeat(&mut self, body: &mut Vec<u8>) {
        if let (Some(one), Some(two)) = (self.place(body), self.place(body)) {
            let span = one.start.min(two.start)..one.end.max(two.end);
            let text = body.get(span.clone()).unwrap_or_default().to_vec();
            let at = span.end;
            body.splice(at..at, text.into_iter().take(4_096));
        }
    }

    fn swap(&mut self, body: &mut Vec<u8>) {
        let (Some(one), Some(two)) = (self.place(body), self.place(body)) else {
            return;
        };
        if one.end <= two.start {
            let first = body.get(one.clone()).unwrap_or_default().to_vec();
            let second = body.get(two.clone()).unwrap_or_default().to_vec();
            body.splice(two, first);
            body.splice(one, second);
        }
    }

    fn remove(&mut self, body: &mut Vec<u8>) {
        if let Some(place) = self.place(body) {
            body.drain(place);
        }
    }

    fn odd(&mut self, body: &mut Vec<u8>) {
        if let (Some(place), Some(odd)) = (self.place(body), self.0.choice(ODD)) {
            body.splice(place, odd.bytes());
        }
    }
}

/// A token of text that may be JSON.
struct Token {
    place: Range<usize>,
    depth: usize,
    /// A value that is no list, no record and no name of a member.
    is_leaf: bool,
}

fn tokens(body: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = body.get(at) {
        let rest = body.get(at..).unwrap_or_default();
        let length = match byte {
            b'"' => string(rest),
            b'[' | b'{' | b']' | b'}' | b',' | b':' => 1,
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => {
                let ends = |b: &u8| matches!(b, b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"');
                rest.iter().position(ends).unwrap_or(rest.len()).max(1)
            }
        };
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_value = !matches!(byte, b'[' | b'{' | b']' | b'}' | b',' | b':');
        let is_name = body.get(at + length) == Some(&b':');
        tokens.push(Token {
            place: at..at + length,
            depth,
            is_leaf: is_value && !is_name,
        });
        at += length;
    }
    tokens
}

/// The length of the string that text begins with.
fn string(text: &[u8]) -> usize {
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retyped_leaf_leaves_valid_json_of_the_same_shape() {
        let body = r#"{"bids":[["1.5","2"]],"n":7}"#;
        let mut mutator = Mutator::new(1);
        for _ in 0..200 {
            let changed = mutator.retype(body, 3).unwrap();
            assert_ne!(changed, body);
            assert!(changed.starts_with(r#"{"bids":[["#) && changed.ends_with(r#"]],"n":7}"#));
            serde_json::from_str::<&serde_json::value::RawValue>(&changed).unwrap();
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_changes_and_every_kind_of_body_can_be_changed() {
        for start in ["", "{", "[[1,2],[3]]", "\"a\\", "\u{fc}"] {
            let run = |seed| {
                let (mut mutator, mut body) = (Mutator::new(seed), start.as_bytes().to_vec());
                (0..500).for_each(|_| mutator.change(&mut body));
                body
            };
            assert_eq!(run(3), run(3));
        }
    }
}
