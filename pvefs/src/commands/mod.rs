//! One module for each subcommand.

pub mod check;
pub mod explain;
pub mod generate;
pub mod mount;
