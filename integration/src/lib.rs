//! What the tests and benchmarks that need root share.

pub mod mounted;
pub mod saving;
pub mod tools;

use std::path::PathBuf;

/// The folder with programs that this build made, such as `pvefs`.
///
/// # Panics
/// When it cannot be found out where this program itself is.
pub fn programs() -> PathBuf {
    let mut path = std::env::current_exe().expect("the path of this program");
    path.pop();
    // Tests and benchmarks are in `deps` below it.
    if path.ends_with("deps") {
        path.pop();
    }
    path
}
