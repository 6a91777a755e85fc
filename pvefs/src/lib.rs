//! The daemon behind `/etc/pve` and its command line.
//!
//! - [`fs`]: what a save, a rename or a removal means. Knows no FUSE types.
//! - [`fuse`]: the thin adapter between the kernel's protocol and [`fs`].
//! - [`commands`]: one module for each subcommand.
#![forbid(unsafe_code)]

pub mod cli;
pub mod commands;
pub mod fs;
pub mod fuse;
pub mod judge;
pub mod render;
pub mod settings;
