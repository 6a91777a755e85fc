//! The commands that take a whole tree in or out.

pub mod backup;
pub mod export;
pub mod import;
