//! The language of the files below `/etc/pve`.
#![forbid(unsafe_code)]
mod diagnostic;
mod document;
mod grammar;
pub mod schema;
mod suggest;
pub use diagnostic::{Diagnostic, Position, Related, Report, Severity, position};
pub use document::{Document, Line, LineKind, OptionLine, PENDING, Section};
