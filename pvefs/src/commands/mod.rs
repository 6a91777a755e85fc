//! One module for each subcommand.

pub mod check;
pub mod explain;
pub mod generate;
pub mod history;
pub mod mount;
pub mod place;
mod save;
pub mod status;
pub mod store;
pub mod why;
