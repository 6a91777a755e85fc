//! `cargo xtask test`: all tests, the quick ones first.

use crate::packages;
use crate::run::{command, is_root, run};

/// Run all tests; as root also those that mount file systems and run containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the tests that need no root
    #[arg(long)]
    no_root: bool,
}

/// Runs the tests.
pub fn task(args: &Args) -> Result<(), String> {
    packages::install(packages::BUILD)?;
    run(&mut command("cargo", ["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
    run(&mut command("cargo", lints))?;
    run(&mut command("cargo", ["test", "--workspace", "--exclude", "integration"]))?;
    if args.no_root || !is_root() {
        eprintln!("skipped: integration tests, which need root");
        return Ok(());
    }
    packages::install(packages::TEST)?;
    // The tests run the programs themselves, not only the libraries.
    run(&mut command("cargo", ["build", "--workspace", "--bins"]))?;
    // In a mount namespace of their own, nothing that they mount is seen or left elsewhere.
    let isolated =
        ["--mount", "--propagation", "private", "cargo", "test", "--package", "integration"];
    run(&mut command("unshare", isolated))
}
