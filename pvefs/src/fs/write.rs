//! write: into the stage, refusing there and then what no later byte can make right.

use crate::fs::handle::{Body, Handle};
use crate::fs::stage::{Lost, Stage};
use crate::fs::{Call, Fs, FsError, Refusal};
use pvefs_store::TreePath;
use std::cell::OnceCell;
use std::collections::HashSet;

/// The longest text that is judged again at each write; a longer one is judged when it is whole, so that writing it line
/// by line does not take quadratic time.
const SETTLED_MAX: usize = 64 << 10;

impl Fs {
    /// Writes `bytes` at `offset` of the stage; an appending handle writes at the stage's end, whatever the offset.
    ///
    /// # Errors
    /// [`FsError::Refused`] when a complete line is wrong for good. Then and from then on the handle is poisoned, but
    /// what is written to it is still collected: the whole refused text is kept for its author.
    pub fn write(&self, fh: u64, offset: u64, bytes: &[u8]) -> Result<usize, FsError> {
        let handle = self.handles.find(fh).ok_or(FsError::BadHandle(fh))?;
        let path = self.path(handle.ino);
        let name = path.as_ref().map_or("(removed)", TreePath::as_str);
        let stage = match &handle.body {
            Body::Stage(stage) => stage,
            Body::Nudge(_) => return Ok(bytes.len()),
            Body::Unwritable => return Err(FsError::Virtual(name.to_owned())),
            Body::Snapshot(_) => return Err(FsError::BadHandle(fh)),
        };
        if let Err(error) = self.room_for_bytes(name, bytes.len() as u64) {
            stage.lock().lost = Some(Lost::NoSpace);
            return Err(error);
        }
        let mut stage = stage.lock();
        let offset = if handle.append { None } else { Some(offset) };
        let lines = stage.write(offset, bytes, self.options.max_file, name)?;
        let judged = path.filter(|path| self.judge.judges(path));
        let Some(path) = judged else { return Ok(bytes.len()) };
        let refusal = self.first_refusal(&path, &lines);
        let has_line = !lines.is_empty();
        drop(lines);
        let refusal = match refusal {
            None if has_line && stage.poison.is_none() => self.settled_refusal(&path, &stage),
            refusal => refusal,
        };
        if stage.poison.is_none()
            && let Some(refusal) = refusal
        {
            self.refuse_line(&path, &handle, &mut stage, &refusal);
        }
        match &stage.poison {
            Some(refusal) => Err(refused(&path, refusal)),
            None => Ok(bytes.len()),
        }
    }

    /// The first line that is wrong and was not in the text before: what is stored already can be mended step by step.
    fn first_refusal(&self, path: &TreePath, lines: &[&[u8]]) -> Option<Refusal> {
        // Read only once a line is wrong, which is rare.
        let stored = OnceCell::new();
        let known: OnceCell<HashSet<&[u8]>> = OnceCell::new();
        let (line, refusal) = lines.iter().find_map(|line| {
            self.judge.line(path, None, line).err()?;
            let old: Option<&[u8]> = stored
                .get_or_init(|| self.store.read(path).ok().flatten().map(|(_, text)| text))
                .as_deref();
            let known = known
                .get_or_init(|| old.unwrap_or_default().split(|byte| *byte == b'\n').collect());
            if known.contains(line) {
                return None;
            }
            Some((line, self.judge.line(path, old, line).err()?))
        })?;
        tracing::debug!("{path}: line {:?} refused", String::from_utf8_lossy(line));
        Some(refusal)
    }

    /// What is wrong with all that stands before the end of the last write, and cannot be mended after it. Tools that see
    /// an error at write(2) only, such as the shells' `echo`, learn of a second `memory:` or a line in a snapshot here.
    fn settled_refusal(&self, path: &TreePath, stage: &Stage) -> Option<Refusal> {
        let settled = stage.settled().filter(|text| text.len() <= SETTLED_MAX)?;
        let old = self.store.read(path).ok()?;
        self.judge.prefix(path, old.as_ref().map(|(_, text)| &**text), settled).err()
    }

    fn refuse_line(&self, path: &TreePath, handle: &Handle, stage: &mut Stage, refusal: &Refusal) {
        let refusal = self.whole_refusal(path, stage, refusal);
        tracing::warn!("{path}: save by {} refused: {}", who(handle), refusal.summary);
        self.note(4, Some(handle.caller.pid), format!("{path}: refused: {}", refusal.summary));
        stage.poison = Some(refusal);
        self.keep_rejected(path, stage, handle.author());
        self.failed_replacing(path, handle);
    }

    /// That `more` bytes fit. The store's own limit is the disk's.
    pub(crate) fn room_for_bytes(&self, path: &str, more: u64) -> Result<(), FsError> {
        let (in_memory, _) = self.overlay.lock().usage();
        if self.store.usage().bytes + in_memory + more > self.options.max_total {
            return Err(FsError::NoSpace(path.to_owned()));
        }
        Ok(())
    }
}

pub(crate) fn refused(path: &TreePath, refusal: &Refusal) -> FsError {
    FsError::Refused { path: path.to_string(), refusal: refusal.clone(), call: Call::Write }
}

pub(crate) fn who(handle: &Handle) -> String {
    let author = handle.author();
    format!("{} (pid {}, uid {})", author.program, handle.caller.pid, handle.caller.uid)
}
