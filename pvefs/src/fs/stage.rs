//! The private copy that a writing handle works on.
//!
//! Nobody but the handle sees a stage. It becomes the text of the file when it is committed.

use crate::fs::{FsError, Refusal};
use pvefs_store::Revision;
use std::time::SystemTime;

/// What a write leaves to be judged: complete lines, one after the other, each without its newline.
pub(crate) type FreshLines<'a> = Vec<&'a [u8]>;

/// Why a write did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The file would be too large.
    TooBig,
    /// All files together would be.
    NoSpace,
}

/// A text being written.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    data: Vec<u8>,
    /// Changed since it was last committed, or since it was filled.
    dirty: bool,
    /// Written to at least once. Truncation does not count.
    written: bool,
    /// Emptied by a call on the open handle, and not written to since.
    emptied: bool,
    run: Run,
    /// Bytes appended since the stage was filled, when nothing else was done to it.
    appended: Option<Vec<u8>>,
    /// The revision of the text that the stage began from; `None` if there was none.
    pub base: Option<Revision>,
    /// A line was refused: no later write, fsync or flush succeeds, and nothing is committed.
    pub poison: Option<Refusal>,
    /// A write did not fit: what was written before and after it is no whole text, and is not committed.
    pub lost: Option<Lost>,
    /// The verdict on the text as it is now, when it was refused as a whole.
    pub refused: Option<Refusal>,
    /// A modification time that was asked for before the text was committed.
    pub mtime: Option<SystemTime>,
    /// Flushes seen since it was opened.
    pub flushes: u32,
    /// The last write: the offset that was given, and where its bytes are.
    last: Option<(u64, usize)>,
}

impl Stage {
    /// A stage that begins from `data`.
    pub fn new(data: Vec<u8>, base: Option<Revision>) -> Self {
        // The unfinished last line of the text is finished by what is appended to it.
        let next = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let run = Run { next, end: data.len(), skip: false, whole: true };
        Self { data, base, run, appended: Some(Vec::new()), ..Self::default() }
    }

    /// A stage that begins empty where there was a text, as `O_TRUNC` makes it.
    pub fn truncated(base: Option<Revision>) -> Self {
        let run = Run { whole: true, ..Run::default() };
        Self { base, run, ..Self::default() }
    }

    pub fn data(&self) -> &[u8] {
        &self.data
    }

    pub fn len(&self) -> usize {
        self.data.len()
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether its text, as it is now, will not be committed. Its handle may be open still: closing one ends later than
    /// close(2).
    pub fn has_failed(&self) -> bool {
        self.poison.is_some() || self.refused.is_some() || self.lost.is_some()
    }

    /// Whether it was written to at least once.
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// Whether it was emptied by ftruncate and left so.
    pub fn is_emptied(&self) -> bool {
        self.emptied
    }

    /// What was appended, if appending is all that was done.
    pub fn appended(&self) -> Option<&[u8]> {
        self.appended.as_deref().filter(|bytes| !bytes.is_empty())
    }

    /// The beginning of the text, up to the end of a line, that a writer which goes on as it began leaves as it is.
    pub fn settled(&self) -> Option<&[u8]> {
        self.run.whole.then(|| &self.data[..self.run.next])
    }

    pub fn read(&self, offset: u64, size: usize) -> &[u8] {
        slice(&self.data, offset, size)
    }

    /// Writes at `offset`, or at the end of the stage, whatever the kernel believes its end to be.
    ///
    /// Returns the complete lines that this write finished.
    ///
    /// # Errors
    /// When the text would become longer than `limit`; the stage is as it was, but can no longer be committed.
    pub fn write(
        &mut self,
        offset: Option<u64>,
        bytes: &[u8],
        limit: u64,
        path: &str,
    ) -> Result<FreshLines<'_>, FsError> {
        let offset = offset.map(|offset| self.place(offset, bytes));
        let appends = offset.is_none() || offset == Some(self.data.len() as u64);
        let start = offset.unwrap_or(self.data.len() as u64);
        let end = start.saturating_add(bytes.len() as u64);
        if end > limit {
            self.lost = Some(Lost::TooBig);
            return Err(FsError::TooBig { path: path.to_owned(), limit });
        }
        let (start, end) = (start as usize, end as usize);
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[start..end].copy_from_slice(bytes);
        match &mut self.appended {
            Some(appended) if appends => appended.extend_from_slice(bytes),
            other => *other = None,
        }
        (self.dirty, self.written, self.emptied, self.refused) = (true, true, false, None);
        Ok(self.fresh_lines(start, end))
    }

    /// Where a write at `offset` belongs.
    ///
    /// The kernel does not move a writer on whose write failed. To keep the whole of a refused text, what comes next at
    /// the same offset goes behind it, unless it is the same bytes once more.
    fn place(&mut self, offset: u64, bytes: &[u8]) -> u64 {
        let place = match self.last {
            Some((given, at)) if self.poison.is_some() && given == offset => {
                let again = self.data.get(at..).is_some_and(|last| last.starts_with(bytes));
                if again { at } else { self.data.len() }
            }
            _ => usize::try_from(offset).unwrap_or(usize::MAX),
        };
        self.last = Some((offset, place));
        place as u64
    }

    /// Cuts or zero-extends it.
    ///
    /// # Errors
    /// When it would become longer than `limit`.
    pub fn truncate(&mut self, size: u64, limit: u64, path: &str) -> Result<(), FsError> {
        if size > limit {
            return Err(FsError::TooBig { path: path.to_owned(), limit });
        }
        if size == 0 {
            // Whoever writes now begins anew.
            self.lost = None;
        }
        if size as usize == self.data.len() {
            self.emptied |= size == 0 && !self.written && self.base.is_some();
            return Ok(());
        }
        self.data.resize(size as usize, 0);
        self.emptied = size == 0;
        // Cutting a text to nothing is no text yet: what follows decides.
        self.dirty = size != 0 || self.written;
        self.written &= size != 0;
        (self.appended, self.refused, self.last) = (None, None, None);
        self.run =
            Run { next: self.data.len(), end: self.data.len(), skip: size != 0, whole: size == 0 };
        Ok(())
    }

    /// Its text is committed as `revision`.
    pub fn committed(&mut self, revision: Revision) {
        self.base = Some(revision);
        self.appended = Some(Vec::new());
        (self.dirty, self.emptied, self.mtime, self.refused) = (false, false, None, None);
    }

    /// Takes over a text that someone else's commit made, as an appending handle does.
    pub fn refill(&mut self, data: Vec<u8>) {
        self.data = data;
    }

    fn fresh_lines(&mut self, start: usize, end: usize) -> FreshLines<'_> {
        if start != self.run.end {
            let aligned = start == 0 || self.data[start - 1] == b'\n';
            self.run = Run { next: start, end: start, skip: !aligned, whole: start == 0 };
        }
        self.run.end = end;
        let mut lines = Vec::new();
        while let Some(length) =
            self.data[self.run.next..end].iter().position(|byte| *byte == b'\n')
        {
            let next = self.run.next + length;
            if !std::mem::take(&mut self.run.skip) {
                lines.push(&self.data[self.run.next..next]);
            }
            self.run.next = next + 1;
        }
        lines
    }
}

/// The stretch that the last writes made, each going on where the one before it ended.
///
/// A line counts once all of it, from its first byte to its newline, lies in one stretch: what stood there before may be
/// about to be overwritten too.
#[derive(Debug, Default)]
struct Run {
    /// Where the first line begins that is not told yet.
    next: usize,
    end: usize,
    /// `next` is inside a line.
    skip: bool,
    /// All that lies before the stretch stays as it is, if the writer goes on as it began: nothing does, or the whole text
    /// that is appended to.
    whole: bool,
}

/// What a read of `size` bytes at `offset` of `data` returns.
pub(crate) fn slice(data: &[u8], offset: u64, size: usize) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
    &data[start..start.saturating_add(size).min(data.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(stage: &mut Stage, offset: Option<u64>, bytes: &str) -> Vec<String> {
        let lines = stage.write(offset, bytes.as_bytes(), 100, "f").unwrap();
        lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn tells_a_line_once_it_is_complete_and_once_only() {
        let mut stage = Stage::truncated(None);
        assert!(write(&mut stage, Some(0), "mem").is_empty());
        assert_eq!(write(&mut stage, Some(3), "ory: 512\nco"), ["memory: 512"]);
        assert_eq!(write(&mut stage, Some(14), "res: 1\n\nx\n"), ["cores: 1", "", "x"]);
    }

    #[test]
    fn tells_no_line_that_is_half_old() {
        let mut stage = Stage::new(b"first: 1\nsecond: 2\nthird: 3\n".to_vec(), Some(1));
        assert!(write(&mut stage, Some(0), "FIRST: 1\nSEC").len() == 1);
        assert_eq!(write(&mut stage, Some(12), "OND: 2\n"), ["SECOND: 2"]);
        assert!(write(&mut stage, Some(2), "xx\n").is_empty(), "begins inside a line");
        assert_eq!(write(&mut stage, Some(5), "y\n"), ["y"]);
    }

    #[test]
    fn finishes_the_last_line_of_the_old_text_when_appending() {
        let mut stage = Stage::new(b"a: 1\nb:".to_vec(), Some(1));
        assert_eq!(write(&mut stage, None, " 2\n"), ["b: 2"]);
        assert_eq!(stage.appended(), Some(&b" 2\n"[..]));
        write(&mut stage, Some(0), "x");
        assert_eq!(stage.appended(), None);
    }

    #[test]
    fn keeps_all_of_a_text_whose_writer_is_not_moved_on() {
        let mut stage = Stage::truncated(None);
        write(&mut stage, Some(0), "a: 1\n");
        write(&mut stage, Some(5), "bad: 2\n");
        stage.poison = Some(Refusal { reasons: String::new(), summary: String::new() });
        write(&mut stage, Some(5), "bad: 2\n");
        write(&mut stage, Some(5), "c: 3\n");
        write(&mut stage, Some(5), "c: 3\n");
        write(&mut stage, Some(5), "d: 4\n");
        assert_eq!(stage.data(), b"a: 1\nbad: 2\nc: 3\nd: 4\n");
        write(&mut stage, Some(0), "A");
        assert!(stage.data().starts_with(b"A: 1"), "a writer that goes elsewhere by itself");
    }

    #[test]
    fn a_truncation_to_nothing_is_no_text_yet() {
        let mut stage = Stage::new(b"a: 1\n".to_vec(), Some(1));
        stage.truncate(0, 100, "f").unwrap();
        assert!(!stage.is_dirty() && stage.is_emptied());
        write(&mut stage, Some(0), "b: 2\n");
        assert!(stage.is_dirty() && !stage.is_emptied());
        stage.truncate(3, 100, "f").unwrap();
        assert_eq!(stage.data(), b"b: ");
        assert!(stage.truncate(101, 100, "f").is_err());
        assert!(stage.write(Some(99), b"xy", 100, "f").is_err());
        assert_eq!(stage.len(), 3);
    }
}
