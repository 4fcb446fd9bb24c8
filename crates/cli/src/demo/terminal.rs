//! A whole-screen picture in a terminal that is given back as it was.

use std::io::{Write, stdout};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, size,
};

use super::cells::Tone;
use super::table::Row;

/// Whether standard output can hold a picture that is drawn again and again.
pub(super) fn can_draw() -> bool {
    use std::io::IsTerminal;
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb" || term.is_empty());
    stdout().is_terminal() && !dumb && size().is_ok()
}

/// The screen while it is ours; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Terminal {
    size: (u16, u16),
    colors: bool,
}

impl Terminal {
    /// Takes the screen: an alternate one without a cursor, so that what stood there comes back.
    pub(super) fn take() -> Self {
        let mut out = stdout().lock();
        // A terminal that is gone shows nothing; the run goes on.
        let _ = queue!(out, EnterAlternateScreen, Hide);
        let _ = out.flush();
        // https://no-color.org: any value but the empty one.
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            size: (0, 0),
            colors,
        }
    }

    /// Columns and lines of the screen now.
    pub(super) fn size() -> (u16, u16) {
        size()
            .ok()
            .filter(|(w, h)| *w > 0 && *h > 0)
            .unwrap_or((80, 24))
    }

    /// Draws one frame in one write: nothing is cleared before its new text is there, so nothing flickers.
    pub(super) fn draw(&mut self, rows: &[Row], size: (u16, u16)) {
        let mut frame = Vec::new();
        // Writing to memory cannot fail.
        let _ = queue!(frame, BeginSynchronizedUpdate);
        if size != self.size {
            // After a resize the terminal may have wrapped what stood there.
            let _ = queue!(frame, Clear(ClearType::All));
            self.size = size;
        }
        for (y, row) in (0..size.1).zip(rows) {
            let _ = queue!(frame, MoveTo(0, y));
            for cell in row {
                match color(cell.tone).filter(|_| self.colors) {
                    Some(code) => {
                        let _ = write!(frame, "\x1b[{code}m{}\x1b[0m", cell.text);
                    }
                    None => frame.extend_from_slice(cell.text.as_bytes()),
                }
            }
            let _ = queue!(frame, Clear(ClearType::UntilNewLine));
        }
        if rows.len() < usize::from(size.1) {
            let below = u16::try_from(rows.len()).unwrap_or(u16::MAX);
            let _ = queue!(frame, MoveTo(0, below), Clear(ClearType::FromCursorDown));
        }
        let _ = queue!(frame, EndSynchronizedUpdate);
        let mut out = stdout().lock();
        let _ = out.write_all(&frame);
        let _ = out.flush();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the screen back. Twice does no harm.
pub(super) fn restore() {
    let mut out = stdout().lock();
    let _ = queue!(out, EndSynchronizedUpdate, LeaveAlternateScreen, Show);
    let _ = out.flush();
}

/// The terminal's own dark colours, which its owner has made readable on its background.
fn color(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Strong => Some("1"),
        Tone::Faint => Some("2"),
        Tone::Good => Some("32"),
        Tone::Doubtful => Some("33"),
        Tone::Bad => Some("31"),
    }
}
