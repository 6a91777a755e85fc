//! Refused texts and their reasons: `.rejected/<path>` and `.rejected/<path>.why`.
//!
//! They lie in the store, under a prefix that is no part of the tree people see, so that a restart finds them. There is
//! one for each path, the last; the oldest go when there are too many.

use crate::fs::stage::Stage;
use crate::fs::{Fs, FsError, INTERNAL, Refusal};
use pvefs_store::{Author, Change, Kind, Store, StoreError, TreePath};
use std::sync::Arc;
use std::time::SystemTime;

/// How many are kept.
const MAX_COUNT: usize = 100;
/// How many bytes of texts are kept.
const MAX_BYTES: u64 = 8 << 20;

/// A refused text.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Whose text it was to be.
    pub path: TreePath,
    /// The text, as far as it was written.
    pub text: Arc<[u8]>,
    /// Why it was refused.
    pub reasons: String,
    /// When.
    pub time: SystemTime,
}

/// Where the store has what `.rejected/<path>` shows.
pub(crate) fn stored_at(path: &str) -> Option<TreePath> {
    let base = format!("{INTERNAL}/rejected");
    if path.is_empty() { base.parse().ok() } else { format!("{base}/{path}").parse().ok() }
}

/// The refused texts that a store holds, newest first.
///
/// # Errors
/// When the store cannot be read.
pub fn rejected_in(store: &dyn Store) -> Result<Vec<Rejected>, StoreError> {
    let mut found = Vec::new();
    let Some(base) = stored_at("") else { return Ok(found) };
    for (stored, time, _) in rejected_files(store, &base)? {
        let Some(path) = visible(&base, &stored) else { continue };
        let Some((_, text)) = store.read(&stored)? else { continue };
        let why = match why_of(&stored) {
            Some(why) => store.read(&why)?,
            None => None,
        };
        let reasons = why.map(|(_, text)| String::from_utf8_lossy(&text).into_owned());
        found.push(Rejected { path, text, reasons: reasons.unwrap_or_default(), time });
    }
    found.sort_by_key(|rejected| std::cmp::Reverse(rejected.time));
    Ok(found)
}

/// The refused texts below `dir`, not their reasons: path, time, size.
fn rejected_files(
    store: &dyn Store,
    dir: &TreePath,
) -> Result<Vec<(TreePath, SystemTime, u64)>, StoreError> {
    let mut found = Vec::new();
    for (name, entry) in store.list(dir)?.unwrap_or_default() {
        let Ok(path) = dir.join(&name) else { continue };
        if entry.kind == Kind::Dir {
            found.extend(rejected_files(store, &path)?);
            continue;
        }
        let has_reasons = match why_of(&path) {
            Some(why) => store.stat(&why)?.is_some(),
            None => false,
        };
        if has_reasons {
            found.push((path, entry.mtime, entry.size));
        }
    }
    Ok(found)
}

/// Whether a path of the store is no part of the tree that people see.
pub fn is_internal(path: &TreePath) -> bool {
    path.components().next() == Some(INTERNAL)
}

impl Fs {
    /// Keeps what was written to a handle that failed, if it is more than is kept already.
    pub(crate) fn keep_rejected(&self, path: &TreePath, stage: &Stage, author: &Author) {
        if let Some(refusal) = stage.poison.as_ref().or(stage.refused.as_ref()) {
            let refusal = self.whole_refusal(path, stage, refusal);
            self.keep_text(path, stage.data(), &refusal, author);
        }
    }

    /// What there is to say about all that was written so far, where `refusal` is about a line of it alone: every
    /// mistake, each at its place in the file.
    pub(crate) fn whole_refusal(
        &self,
        path: &TreePath,
        stage: &Stage,
        refusal: &Refusal,
    ) -> Refusal {
        let old = self.read_stored(path).ok().flatten();
        let old = old.as_ref().map(|(_, text)| &**text);
        self.judge.text(path, old, stage.data()).err().unwrap_or_else(|| refusal.clone())
    }

    /// Keeps a refused text. That it cannot be kept must not hide why it was refused.
    pub(crate) fn keep_text(
        &self,
        path: &TreePath,
        text: &[u8],
        refusal: &Refusal,
        author: &Author,
    ) {
        if let Err(error) = self.try_keep(path, text, refusal, author) {
            tracing::error!("keeping the refused text of {path}: {error}");
        }
    }

    fn try_keep(
        &self,
        path: &TreePath,
        text: &[u8],
        refusal: &Refusal,
        author: &Author,
    ) -> Result<(), FsError> {
        let (Some(base), Some(stored)) = (stored_at(""), stored_at(path.as_str())) else {
            return Ok(());
        };
        let Some(why) = why_of(&stored) else { return Ok(()) };
        if self.read_stored(&stored)?.is_some_and(|(_, kept)| *kept == *text)
            && self.read_stored(&why)?.is_some_and(|(_, kept)| *kept == *refusal.reasons.as_bytes())
        {
            return Ok(());
        }
        let mut changes = self.missing_dirs(&stored)?;
        changes.push(Change::Put { path: stored, data: text.into() });
        changes.push(Change::Put { path: why, data: refusal.reasons.as_bytes().into() });
        self.commit("keep", path, changes, Vec::new(), author.clone())?;
        self.thin_out(&base)
    }

    fn missing_dirs(&self, path: &TreePath) -> Result<Vec<Change>, FsError> {
        let mut missing = Vec::new();
        let mut at = path.parent();
        while let Some(dir) = at.filter(|dir| !dir.is_root()) {
            if self.stat(&dir)?.is_some() {
                break;
            }
            at = dir.parent();
            missing.push(Change::Mkdir { path: dir });
        }
        missing.reverse();
        Ok(missing)
    }

    /// Removes the oldest ones beyond the limits.
    fn thin_out(&self, base: &TreePath) -> Result<(), FsError> {
        let mut files = rejected_files(&*self.store, base)
            .map_err(|error| FsError::Store(format!("list {base}"), error))?;
        files.sort_by_key(|(_, mtime, _)| std::cmp::Reverse(*mtime));
        let (mut count, mut bytes) = (0, 0);
        let mut changes = Vec::new();
        for (path, _, size) in files {
            (count, bytes) = (count + 1, bytes + size);
            if count > MAX_COUNT || bytes > MAX_BYTES {
                changes.extend(why_of(&path).map(|path| Change::Remove { path }));
                changes.push(Change::Remove { path });
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let author = Author { program: "pvefs".to_owned(), ..Author::default() };
        self.commit("thin out", base, changes, Vec::new(), author).map(drop)
    }
}

fn why_of(stored: &TreePath) -> Option<TreePath> {
    stored.parent()?.join(&format!("{}.why", stored.name()?)).ok()
}

fn visible(base: &TreePath, stored: &TreePath) -> Option<TreePath> {
    stored.as_str().strip_prefix(base.as_str())?.strip_prefix('/')?.parse().ok()
}
