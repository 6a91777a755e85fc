//! System calls that containers need and no crate wraps, behind safe functions.
//!
//! This is the only crate of the project with `unsafe`; each block says why it is sound. What
//! `rustix` or `nix` offer safely is used from there directly. Every error carries the call as it
//! was made, so that a caller only has to say what it was trying to achieve.

pub mod bpf;
pub mod caps;
pub mod clone;
mod error;
pub mod exec;
pub mod keyring;
pub mod loopdev;
pub mod memory;
pub mod mount;
pub mod netlink;
pub mod pass;
pub mod pidfd;
pub mod pty;
pub mod resolve;
pub mod seccomp;
pub mod signal;

pub use error::{Call, Error, Result};
