//! The seam between the file system and what its files mean.

use pvefs_store::TreePath;

/// Decides which texts may be stored. The file system itself knows nothing of the language of configurations.
pub trait Judge: Send + Sync {
    /// Judges a complete line, without its newline, of a file being written. What was wrong with the stored text `old`
    /// already is let pass.
    ///
    /// # Errors
    /// When no later byte can make it right.
    fn line(&self, path: &TreePath, old: Option<&[u8]>, line: &[u8]) -> Result<(), Refusal>;

    /// Judges the beginning of a text that is still being written, up to the end of a line, against the stored one.
    ///
    /// # Errors
    /// When nothing that may be written after it can make it right.
    fn prefix(&self, _path: &TreePath, _old: Option<&[u8]>, _prefix: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    /// Judges the whole new text of a file against the stored one.
    ///
    /// # Errors
    /// When the new text must not be stored.
    fn text(&self, path: &TreePath, old: Option<&[u8]>, new: &[u8]) -> Result<(), Refusal>;

    /// Whether the content of this path is judged: whether it is a configuration.
    fn judges(&self, path: &TreePath) -> bool;
}

/// Why a text may not be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// All reasons, as a person reads them: several lines.
    pub reasons: String,
    /// One line for a log.
    pub summary: String,
}
