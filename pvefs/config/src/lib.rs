//! The language of the files below `/etc/pve`: container configurations, `storage.cfg` and `datacenter.cfg`.
//!
//! - [`Document`] and [`StorageDocument`] keep every byte of a text; edits touch only the lines they must.
//! - [`schema`] is the one table of all options.
//! - [`check()`], [`check_line`], [`check_written_line`] and [`check_save`] say what is wrong, all of it at once, as [`Diagnostic`]s.
//! - [`Config`] gives the values their types; [`diff()`] compares two sections.
//!
//! Nothing here does input or output; nothing panics on any input.
#![forbid(unsafe_code)]

// What pest_derive makes names it, when pest is built without its stack guard, which a grammar without recursion needs not.
extern crate alloc;

mod check;
mod config;
mod description;
mod diagnostic;
mod diff;
mod document;
mod edit;
mod grammar;
pub mod plan;
mod properties;
pub mod schema;
mod storage;
mod suggest;

pub use check::{
    FileKind, altered_snapshots, check, check_line, check_prefix, check_save, check_written_line,
    parse_ctid,
};
pub use config::{
    Config, Device, Features, IpConfig, MountPoint, Net, RawOption, Startup, Volume, option_names,
};
pub use description::encode_description;
pub use diagnostic::{Diagnostic, LineIndex, Position, Related, Report, Severity};
pub use diff::{OptionChange, PropertyChange, diff};
pub use document::{Document, Line, LineKind, OptionLine, PENDING, Section};
pub use edit::EditError;
pub use plan::plan;
pub use properties::Properties;
pub use storage::{StorageDocument, StorageProperty, StorageSection};
