//! The commands that look at the revisions of a file, and bring one back.

pub mod diff;
pub mod log;
pub mod revert;
pub mod show;
