//! Texts kept in memory, so that opening a file does not ask the store's database.
//!
//! A text never changes under its revision, so nothing here can be wrong, only unused. Two generations: what was not
//! used while one filled up is dropped with the next.

use pvefs_store::{Revision, TreePath};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes that one generation may hold, names and bookkeeping counted.
const GENERATION: usize = 1 << 20;
/// What an entry costs besides its text.
const ENTRY: usize = 160;
/// Longest text that is kept.
const LONGEST: usize = 64 << 10;

type Generation = HashMap<TreePath, (Revision, Arc<[u8]>)>;

#[derive(Debug, Default)]
pub(crate) struct Cache {
    young: Generation,
    old: Generation,
    bytes: usize,
}

impl Cache {
    /// The text of `path` at `revision`, if it is here.
    pub fn get(&mut self, path: &TreePath, revision: Revision) -> Option<Arc<[u8]>> {
        if let Some((at, text)) = self.young.get(path) {
            return (*at == revision).then(|| text.clone());
        }
        let (at, text) = self.old.remove(path)?;
        if at != revision {
            return None;
        }
        self.put(path, revision, &text);
        Some(text)
    }

    pub fn put(&mut self, path: &TreePath, revision: Revision, text: &Arc<[u8]>) {
        if text.len() > LONGEST {
            return;
        }
        let size = text.len() + path.as_str().len() + ENTRY;
        if self.bytes + size > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += size;
        if let Some((_, before)) = self.young.insert(path.clone(), (revision, text.clone())) {
            self.bytes -= (before.len() + path.as_str().len() + ENTRY).min(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_text_for_its_revision_only_and_forgets_what_is_not_used() {
        let path = |index: usize| format!("f{index}").parse::<TreePath>().unwrap();
        let text: Arc<[u8]> = vec![b'x'; 10 << 10].into();
        let mut cache = Cache::default();
        cache.put(&path(0), 1, &text);
        assert!(cache.get(&path(0), 1).is_some() && cache.get(&path(0), 2).is_none());
        for index in 1..2000 {
            cache.put(&path(index), 1, &text);
            assert!(cache.get(&path(0), 1).is_some(), "used all the time");
        }
        assert!(cache.get(&path(1), 1).is_none());
        assert!(cache.young.len() + cache.old.len() < 250);
        let long: Arc<[u8]> = vec![b'x'; LONGEST + 1].into();
        cache.put(&path(1), 1, &long);
        assert!(cache.get(&path(1), 1).is_none());
    }
}
