//! Marks in a file: a line each, with a checksum; rewritten whole when it has grown.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::lock::{Lock, beside};
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
/// left out. What a write leaves that fails half way, on a full disk, is cut off before the next one.
/// A line that does not fit its checksum is left out too. When the file has grown to four lines a job
/// and 1,024 more, it is written anew beside the old one and takes its place by renaming.
///
/// A file that holds something else is refused and left as it is. A file is for one scheduler at a time:
/// while a journal is open, a lock is held on a file beside it, of its name and `.lock`, and a second
/// opening is refused, by another process or by this one. The lock ends with the process, however it
/// ends, or with its scheduler: when that has shut down, or its last handle is dropped. Its file stays.
///
/// What is written outlives the process. To outlive the machine's power too, say
/// [`sync`](Self::sync).
#[derive(Debug)]
pub struct FileJournal {
    /// Followed to where the file really is, whatever becomes of links and the working directory.
    path: PathBuf,
    file: File,
    /// How long the file is up to the end of its last whole line.
    length: u64,
    /// Whether a write has failed, so that more may stand behind that.
    torn: bool,
    /// Whether a loss of power could still take the file, or its newest version, out of its directory.
    unlisted: bool,
    marks: BTreeMap<String, JobMark>,
    lines: usize,
    /// With so many lines the file is not tried again to be written anew, after that has failed.
    put_off: usize,
    damaged: usize,
    sync: bool,
    _lock: Lock,
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
    /// Another scheduler has it open, in this process or in another. Nothing was written.
    #[error(
        "the journal {path:?} is in use by another scheduler; end that one first, or give each a file of its own"
    )]
    Locked {
        /// The journal.
        path: PathBuf,
    },
}

impl FileJournal {
    /// Opens the journal at this path, or begins one.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, holds something else, or is in use by another scheduler.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let given = path.as_ref();
        let (text, _) = read(given)?;
        if is_foreign(&text) {
            return Err(JournalError::Foreign);
        }
        // There is something to be followed then.
        OpenOptions::new().create(true).append(true).open(given)?;
        let path = std::fs::canonicalize(given)?;
        let Some(lock) = Lock::take(&path)? else {
            let path = given.to_owned();
            return Err(JournalError::Locked { path });
        };
        // Read again: whoever had it may have written until now.
        let (text, ended) = read(&path)?;
        let (mut marks, mut lines, mut damaged) = (BTreeMap::new(), 0, 0);
        for line in text.lines().filter(|line| !line.is_empty()) {
            lines += 1;
            match read_line(line) {
                Some(mark) => keep(&mut marks, &[mark]),
                None => damaged += 1,
            }
        }
        let file = OpenOptions::new().append(true).open(&path)?;
        let mut journal = Self {
            path,
            length: file.metadata()?.len(),
            file,
            torn: false,
            unlisted: true,
            marks,
            lines,
            put_off: 0,
            damaged,
            sync: false,
            _lock: lock,
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

    /// The latest mark of each job in the file at this path, none where there is no file yet. Nothing is written, and another scheduler
    /// may have it open.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub fn read_marks(path: impl AsRef<Path>) -> Result<Vec<JobMark>, JournalError> {
        let path = path.as_ref();
        Self::check(path)?;
        let (text, _) = read(path)?;
        let mut marks = BTreeMap::new();
        for mark in text.lines().filter_map(read_line) {
            keep(&mut marks, &[mark]);
        }
        Ok(marks.into_values().collect())
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
        let new = beside(&self.path, ".new");
        let mut text = String::new();
        for mark in self.marks.values() {
            write_line(&mut text, mark)?;
        }
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Opened as it will be written on, so that nothing can fail between the renaming and that.
        let mut file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.file = file;
        self.length = text.len() as u64;
        self.lines = self.marks.len();
        (self.torn, self.unlisted, self.put_off) = (false, true, 0);
        Ok(())
    }

    /// Takes off what a write has left that failed half way: the next line would be lost in it.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            // Not every system lets a file be cut through a handle that only appends.
            let file = OpenOptions::new().write(true).open(&self.path)?;
            file.set_len(self.length)?;
            self.torn = false;
        }
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
        self.mend()?;
        if self.lines > self.put_off.max(4 * self.marks.len() + SLACK) {
            let rewritten = self.rewrite();
            if rewritten.is_err() {
                self.put_off = self.lines + SLACK;
            }
            rewritten?;
        }
        self.torn = true;
        self.file.write_all(text.as_bytes())?;
        if self.sync {
            self.file.sync_data()?;
            if self.unlisted {
                sync_directory(&self.path)?;
                self.unlisted = false;
            }
        }
        self.torn = false;
        self.length += text.len() as u64;
        keep(&mut self.marks, new);
        self.lines += new.len();
        Ok(())
    }
}

/// Waits until the disk knows which file has this name: a new one, or one that was renamed, is
/// else not there after a loss of power, or the old one is.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    match File::open(directory)?.sync_all() {
        // What a file system says that does not keep directories that way.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Elsewhere directories are no files that could be synced; the system orders its own changes.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
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
            followed: None,
            failures: 0,
            not_before: None,
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
        drop(journal);
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
        drop(journal);
        for end in whole.len()..both.len() - 1 {
            std::fs::write(&place, &both[..end]).unwrap();
            let mut torn = FileJournal::open(&place).unwrap();
            // The last byte is only the end of the line.
            assert_eq!(torn.load(), [mark("a", 1)], "cut at {end}");
            torn.append(&[mark("a", 3)]).unwrap();
            drop(torn);
            assert_eq!(FileJournal::open(&place).unwrap().load(), [mark("a", 3)]);
        }
        std::fs::write(&place, &both[..both.len() - 1]).unwrap();
        let mut unended = FileJournal::open(&place).unwrap();
        unended.append(&[mark("b", 1)]).unwrap();
        drop(unended);
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
        drop(journal);
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
            drop(journal);
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
        drop(journal);
        assert_eq!(
            FileJournal::open(&place).unwrap().load(),
            [mark("a", 9_999)]
        );
    }

    #[test]
    fn after_a_write_that_failed_half_way_no_mark_is_lost() {
        let (_folder, place) = place();
        let mut journal = FileJournal::open(&place).unwrap();
        journal.append(&[mark("a", 1), mark("b", 1)]).unwrap();
        let mut whole = String::new();
        write_line(&mut whole, &mark("a", 2)).unwrap();
        write_line(&mut whole, &mark("b", 2)).unwrap();
        // A disk that is full after any byte: what came before is there, and the write has failed.
        for end in 0..whole.len() {
            let mut disk = OpenOptions::new().append(true).open(&place).unwrap();
            disk.write_all(&whole.as_bytes()[..end]).unwrap();
            let full = OpenOptions::new().read(true).open(&place).unwrap();
            let sound = std::mem::replace(&mut journal.file, full);
            journal.append(&[mark("a", 2), mark("b", 2)]).unwrap_err();
            journal.file = sound;
            // Room again.
            journal.append(&[mark("c", 3)]).unwrap();
            FileJournal::check(&place).unwrap();
            drop(journal);
            journal = FileJournal::open(&place).unwrap();
            assert_eq!(journal.damaged(), 0, "cut at {end}");
            let expected = [mark("a", 1), mark("b", 1), mark("c", 3)];
            assert_eq!(journal.load(), expected, "cut at {end}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_anew_is_written_on_and_tried_again() {
        let (_folder, place) = place();
        let mut journal = FileJournal::open(&place).unwrap();
        let new = beside(&place, ".new");
        std::fs::create_dir_all(new.join("in the way")).unwrap();
        let mut failed = 0;
        for nominal in 0..4_000 {
            // What was not taken is offered again.
            if journal.append(&[mark("a", nominal)]).is_err() {
                failed += 1;
                journal.append(&[mark("a", nominal)]).unwrap();
            }
        }
        assert_eq!(failed, 3, "once for each 1,024 lines more");
        std::fs::remove_dir_all(&new).unwrap();
        for nominal in 4_000..6_000 {
            journal.append(&[mark("a", nominal)]).unwrap();
        }
        assert!(journal.lines <= SLACK + 5, "{}", journal.lines);
        drop(journal);
        let loaded = FileJournal::open(&place).unwrap().load();
        assert_eq!(loaded, [mark("a", 5_999)]);
    }

    #[test]
    fn a_journal_is_for_one_scheduler_at_a_time() {
        let (_folder, place) = place();
        let mut first = FileJournal::open(&place).unwrap();
        for nominal in 0..3_000 {
            // Written anew in between, so that the file is not the one that was opened.
            first.append(&[mark("a", nominal)]).unwrap();
        }
        let whole = std::fs::read(&place).unwrap();
        let refused = FileJournal::open(&place).unwrap_err();
        let JournalError::Locked { path } = &refused else {
            panic!("{refused}");
        };
        assert_eq!(*path, place);
        let said = refused.to_string();
        assert!(said.contains(&format!("{:?}", place)), "{said}");
        assert!(said.contains("end that one first"), "{said}");
        assert_eq!(std::fs::read(&place).unwrap(), whole, "left as it is");
        FileJournal::check(&place).unwrap();
        first.append(&[mark("a", 3_000)]).unwrap();
        drop(first);
        let loaded = FileJournal::open(&place).unwrap().load();
        assert_eq!(loaded, [mark("a", 3_000)]);
    }

    #[cfg(unix)]
    #[test]
    fn another_name_of_a_journal_is_the_same_journal() {
        let (folder, place) = place();
        let mut journal = FileJournal::open(&place).unwrap();
        let other = folder.path().join("other.journal");
        std::os::unix::fs::symlink(&place, &other).unwrap();
        let refused = FileJournal::open(&other).unwrap_err();
        assert!(matches!(refused, JournalError::Locked { .. }), "{refused}");
        journal.append(&[mark("a", 1)]).unwrap();
        drop(journal);
        let mut journal = FileJournal::open(&other).unwrap();
        for nominal in 0..3_000 {
            journal.append(&[mark("a", nominal)]).unwrap();
        }
        drop(journal);
        assert!(std::fs::symlink_metadata(&other).unwrap().is_symlink());
        let loaded = FileJournal::open(&place).unwrap().load();
        assert_eq!(loaded, [mark("a", 2_999)]);
    }

    #[cfg(unix)]
    #[test]
    fn with_sync_a_mark_is_not_taken_before_the_directory_knows_of_the_file() {
        let (folder, place) = place();
        let mut plain = FileJournal::open(&place).unwrap();
        plain.append(&[mark("a", 1)]).unwrap();
        drop(plain);
        let mut synced = FileJournal::open(&place).unwrap().sync(true);
        // The file can still be written, but nobody will find it.
        std::fs::remove_dir_all(folder.path()).unwrap();
        synced.append(&[mark("a", 2)]).unwrap_err();
    }
}
