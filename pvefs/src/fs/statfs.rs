//! statfs: the limits, and what is left.

use crate::fs::Fs;

/// Sizes in bytes, counts of files and directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statfs {
    /// All that can be stored.
    pub total: u64,
    /// What is left of it.
    pub free: u64,
    /// All files and directories there can be.
    pub entries: u64,
    /// How many more there can be.
    pub entries_free: u64,
}

impl Fs {
    /// Says how full the file system is.
    pub fn statfs(&self) -> Statfs {
        let usage = self.store.usage();
        let (bytes, files) = self.overlay.lock().usage();
        let (total, entries) = (self.options.max_total, self.options.max_entries);
        Statfs {
            total,
            free: total.saturating_sub(usage.bytes + bytes),
            entries,
            entries_free: entries.saturating_sub(usage.entries + files),
        }
    }
}
