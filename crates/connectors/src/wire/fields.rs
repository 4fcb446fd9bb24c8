//! Turning the fields of one record into values, and noting those that cannot be turned.

use std::borrow::Cow;

use robust_market::{Decoded, Defect, DefectKind};

use super::Raw;

/// Everything that was broken in one answer, while its value is being built.
pub(crate) type Notes = Decoded<()>;

/// The fields of one record.
///
/// A required field that cannot be read breaks the record; an optional one is left out of it. Both are noted.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    notes: &'n mut Notes,
    index: Option<usize>,
}

impl<'n> Fields<'n> {
    /// The fields of the record at `index` on the wire; `None` for the answer as a whole.
    pub(crate) fn new(notes: &'n mut Notes, index: Option<usize>) -> Self {
        Self { notes, index }
    }

    /// Notes a broken field.
    #[cold]
    pub(crate) fn broken(&mut self, field: &'static str, kind: DefectKind, shown: Option<&str>) {
        self.notes
            .note(Defect::new(self.index, Cow::Borrowed(field), kind, shown));
    }

    /// Notes that something else stands where a record should.
    pub(crate) fn not_a_record(&mut self, field: &'static str, raw: Raw<'_>) {
        let kind = match raw.scalar() {
            Err(kind) => kind,
            Ok(_) => DefectKind::WrongType,
        };
        self.broken(field, kind, raw.shown());
    }

    /// Reads a field that every record has: what is not there is noted like what is broken.
    #[inline]
    pub(crate) fn need<'a, T>(
        &mut self,
        field: &'static str,
        raw: Raw<'a>,
        read: impl FnOnce(Raw<'a>) -> Result<T, DefectKind>,
    ) -> Option<T> {
        match read(raw) {
            Ok(value) => Some(value),
            Err(kind) => {
                self.broken(field, kind, raw.shown());
                None
            }
        }
    }

    /// Reads a field that not every record has: what is not there is no defect.
    #[inline]
    pub(crate) fn may<'a, T>(
        &mut self,
        field: &'static str,
        raw: Raw<'a>,
        read: impl FnOnce(Raw<'a>) -> Result<T, DefectKind>,
    ) -> Option<T> {
        if raw.is_missing() {
            None
        } else {
            self.need(field, raw, read)
        }
    }

    /// Leaves the record out of the value; its position stays known.
    pub(crate) fn exclude(self) {
        self.notes.excluded.extend(self.index);
    }
}
