//! Marks in a file: a line each, with a checksum; rewritten whole when it has grown.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::memory::keep;
use super::{JobMark, Store};

/// Lines that may be there beyond four for each job before the file is rewritten.
const SLACK: usize = 1_024;

/// The largest file that is read; ten times what the most jobs that a scheduler takes by default leave.
const LARGEST: u64 = 1 << 30;

/// A journal in one file.
///
/// Each mark is a line of checksum (CRC-32) and JSON, written in one call before the runs begin that
/// it speaks of; a process that dies leaves whole lines and at most one torn one at the end, which is
/// left out. A line that does not fit its checksum is left out too. When the file has grown to four
/// lines a job and 1,024 more, it is written anew beside the old one and takes its place by renaming.
///
/// A file that holds something else is refused and left as it is. A file is for one scheduler at a time.
///
/// What is written outlives the process. To outlive the machine's power too, say
/// [`sync`](Self::sync).
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    file: File,
    marks: BTreeMap<String, JobMark>,
    lines: usize,
    damaged: usize,
    sync: bool,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("the journal cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// The file holds something else. It was left as it is.
    #[error("the file is no journal")]
    Foreign,
    /// A line before the last does not fit its checksum, so that a mark is lost. Only of [`FileJournal::check`].
    #[error("line {line} of the journal is damaged")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
}

impl FileJournal {
    /// Opens the journal at this path, or begins one.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or holds something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref().to_owned();
        let (text, ended) = read(&path)?;
        if is_foreign(&text) {
            return Err(JournalError::Foreign);
        }
        let (mut marks, mut lines, mut damaged) = (BTreeMap::new(), 0, 0);
        for line in text.lines().filter(|line| !line.is_empty()) {
            lines += 1;
            match read_line(line) {
                Some(mark) => keep(&mut marks, &[mark]),
                None => damaged += 1,
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut journal = Self {
            path,
            file,
            marks,
            lines,
            damaged,
            sync: false,
        };
        // Behind a torn line the next one would be lost with it.
        if damaged > 0 || !ended {
            journal.rewrite()?;
        }
        Ok(journal)
    }

    /// Whether the file at this path can be opened without the loss of a mark, or there is none yet. Nothing is written.
    ///
    /// A last line that does not fit its checksum is none: that is what a process leaves that died while it wrote.
    ///
    /// # Errors
    ///
    /// The file cannot be read, holds something else, or has a damaged line before its last; or there is no directory for it.
    pub fn check(path: impl AsRef<Path>) -> Result<(), JournalError> {
        let path = path.as_ref();
        let (text, _) = read(path)?;
        if is_foreign(&text) {
            return Err(JournalError::Foreign);
        }
        if text.is_empty() {
            // None yet: where there is no directory, there can be none.
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            if let Some(parent) = parent {
                std::fs::metadata(parent)?;
            }
        }
        let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
        let before = lines.split_last().map_or(&[][..], |(_, before)| before);
        let damaged = before
            .iter()
            .find(|(_, line)| !line.is_empty() && read_line(line).is_none());
        match damaged {
            Some((line, _)) => Err(JournalError::Damaged { line: *line }),
            None => Ok(()),
        }
    }

    /// Whether each write waits until the disk has it. Default no.
    #[must_use]
    pub fn sync(mut self, yes: bool) -> Self {
        self.sync = yes;
        self
    }

    /// How many lines did not fit their checksum when the journal was opened.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// Writes what is kept into a new file that takes the place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let mut text = String::new();
        for mark in self.marks.values() {
            write_line(&mut text, mark)?;
        }
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = self.marks.len();
        Ok(())
    }
}

impl Store for FileJournal {
    fn load(&mut self) -> Vec<JobMark> {
        self.marks.values().cloned().collect()
    }

    fn append(&mut self, new: &[JobMark]) -> io::Result<()> {
        let mut text = String::new();
        for mark in new {
            write_line(&mut text, mark)?;
        }
        self.file.write_all(text.as_bytes())?;
        if self.sync {
            self.file.sync_data()?;
        }
        keep(&mut self.marks, new);
        self.lines += new.len();
        if self.lines > 4 * self.marks.len() + SLACK {
            self.rewrite()?;
        }
        Ok(())
    }
}

/// The text of a journal, none where there is no file yet; and whether it ends with a whole line.
fn read(path: &Path) -> io::Result<(String, bool)> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((String::new(), true)),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("larger than 1 GiB"));
    }
    // What a disk that lost its power has not written yet reads as zeros.
    let ended = bytes.last().is_none_or(|last| *last == b'\n');
    let written = bytes.iter().rposition(|byte| *byte != 0);
    bytes.truncate(written.map_or(0, |last| last + 1));
    Ok((String::from_utf8_lossy(&bytes).into_owned(), ended))
}

/// Whether a text was never a journal: no line of it fits its checksum, and it is more than the beginning of a first one.
fn is_foreign(text: &str) -> bool {
    let begins_one = |text: &str| {
        let mut bytes = text.bytes();
        let sum = bytes.by_ref().take(8).all(|byte| byte.is_ascii_hexdigit());
        sum && bytes.zip(*b" {").all(|(byte, wanted)| byte == wanted)
    };
    let torn = !text.contains('\n') && begins_one(text);
    !text.is_empty() && !torn && text.lines().all(|line| read_line(line).is_none())
}

fn write_line(text: &mut String, mark: &JobMark) -> io::Result<()> {
    let json = serde_json::to_string(mark)?;
    let sum = crc32fast::hash(json.as_bytes());
    text.push_str(&format!("{sum:08x} {json}\n"));
    Ok(())
}

fn read_line(line: &str) -> Option<JobMark> {
    let (sum, json) = line.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    if crc32fast::hash(json.as_bytes()) != sum {
        return None;
    }
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A path in a folder of its own, which goes with the first of the two.
    fn place() -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.journal");
        (folder, path)
    }

    fn mark(job: &str, nominal: i64) -> JobMark {
        JobMark {
            job: job.to_owned(),
            nominal,
            fresh: false,
            last_success: Some(nominal),
            failures: 0,
            quarantined: false,
            paused: false,
            disabled: false,
            open: Vec::new(),
            anchor: None,
            gone: false,
        }
    }

    #[test]
    fn the_latest_mark_of_each_job_comes_back() {
        let (_folder, place) = place();
        let mut journal = FileJournal::open(&place).unwrap();
        journal
            .append(&[mark("a", 1), mark("b \"quoted\"\n", 2)])
            .unwrap();
        journal.append(&[mark("a", 3)]).unwrap();
        journal
            .append(&[JobMark {
                gone: true,
                ..mark("c", 9)
            }])
            .unwrap();
        let loaded = FileJournal::open(&place).unwrap().load();
        assert_eq!(loaded, [mark("a", 3), mark("b \"quoted\"\n", 2)]);
    }

    #[test]
    fn a_torn_line_at_any_byte_loses_only_itself() {
        let (_folder, place) = place();
        let mut journal = FileJournal::open(&place).unwrap();
        journal.append(&[mark("a", 1)]).unwrap();
        let whole = std::fs::read(&place).unwrap();
        journal.append(&[mark("a", 2)]).unwrap();
        let both = std::fs::read(&place).unwrap();
        for end in whole.len()..both.len() - 1 {
            std::fs::write(&place, &both[..end]).unwrap();
            let mut torn = FileJournal::open(&place).unwrap();
            // The last byte is only the end of the line.
            assert_eq!(torn.load(), [mark("a", 1)], "cut at {end}");
            torn.append(&[mark("a", 3)]).unwrap();
            assert_eq!(FileJournal::open(&place).unwrap().load(), [mark("a", 3)]);
        }
        std::fs::write(&place, &both[..both.len() - 1]).unwrap();
        let mut unended = FileJournal::open(&place).unwrap();
        unended.append(&[mark("b", 1)]).unwrap();
        assert_eq!(
            FileJournal::open(&place).unwrap().load(),
            [mark("a", 2), mark("b", 1)]
        );
    }

    #[test]
    fn a_flipped_bit_anywhere_never_makes_another_mark() {
        let (_folder, place) = place();
        FileJournal::open(&place)
            .unwrap()
            .append(&[mark("a", 1)])
            .unwrap();
        let whole = std::fs::read(&place).unwrap();
        for byte in 0..whole.len() - 1 {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[byte] ^= 1 << bit;
                std::fs::write(&place, &bytes).unwrap();
                let mut journal = match FileJournal::open(&place) {
                    Ok(journal) => journal,
                    Err(JournalError::Foreign) => {
                        assert_eq!(std::fs::read(&place).unwrap(), bytes, "left as it is");
                        continue;
                    }
                    Err(error) => panic!("{error}"),
                };
                let loaded = journal.load();
                // The case of a checksum's letters means nothing.
                assert!(
                    loaded.is_empty() || loaded == [mark("a", 1)],
                    "{byte} {bit} {loaded:?}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused_and_left_as_it_is() {
        let (_folder, place) = place();
        for text in [
            "plan = \"default\"\n\n[exchanges.kraken]\n",
            "{\"quality_state\":1}\n",
            "hello",
            "\n",
            "0badf00d {\"job\":\"a\"}\n",
            "\u{7f}ELF\u{2}\u{1}\u{1}",
        ] {
            std::fs::write(&place, text).unwrap();
            let opened = FileJournal::open(&place);
            assert!(matches!(opened, Err(JournalError::Foreign)), "{text:?}");
            let checked = FileJournal::check(&place);
            assert!(matches!(checked, Err(JournalError::Foreign)), "{text:?}");
            assert_eq!(std::fs::read_to_string(&place).unwrap(), text);
        }
    }

    #[test]
    fn a_check_names_a_damaged_line_but_the_last_and_writes_nothing() {
        let (_folder, place) = place();
        FileJournal::check(&place).unwrap();
        assert!(!place.exists(), "nothing is begun");
        let nowhere = place.join("no such directory").join("x");
        assert!(matches!(
            FileJournal::check(&nowhere),
            Err(JournalError::Io(_))
        ));
        let mut journal = FileJournal::open(&place).unwrap();
        journal
            .append(&[mark("a", 1), mark("b", 2), mark("c", 3)])
            .unwrap();
        let whole = std::fs::read(&place).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for (line, end) in (1..).zip(&ends) {
            let mut bytes = whole.clone();
            bytes[end - 5] ^= 1;
            std::fs::write(&place, &bytes).unwrap();
            match FileJournal::check(&place) {
                Err(JournalError::Damaged { line: named }) => assert_eq!(named, line),
                Ok(()) => assert_eq!(line, 3, "a last line may be torn"),
                Err(error) => panic!("{error}"),
            }
            assert_eq!(std::fs::read(&place).unwrap(), bytes);
        }
        // Torn anywhere, or ended by what a disk did not write any more.
        for end in 0..whole.len() {
            let bytes = [&whole[..end], &[0; 64]].concat();
            std::fs::write(&place, &bytes).unwrap();
            FileJournal::check(&place).unwrap();
            let mut journal = FileJournal::open(&place).unwrap();
            let marks = journal.load().len();
            assert_eq!(marks, ends.iter().filter(|at| **at <= end).count());
            journal.append(&[mark("d", 4)]).unwrap();
            FileJournal::check(&place).unwrap();
            let loaded = FileJournal::open(&place).unwrap().load();
            assert_eq!(loaded.len(), marks + 1, "cut at {end}");
        }
    }

    #[test]
    fn the_file_stays_in_proportion_to_the_jobs() {
        let (_folder, place) = place();
        let mut journal = FileJournal::open(&place).unwrap();
        for nominal in 0..10_000 {
            journal.append(&[mark("a", nominal)]).unwrap();
        }
        let lines = std::fs::read_to_string(&place).unwrap().lines().count();
        assert!(lines <= SLACK + 5, "{lines}");
        assert_eq!(
            FileJournal::open(&place).unwrap().load(),
            [mark("a", 9_999)]
        );
    }
}
