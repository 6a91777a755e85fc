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

/// What `unshare` is told: in a mount namespace of its own, nothing that a test mounts is seen or left elsewhere.
const ISOLATED: [&str; 3] = ["--mount", "--propagation", "private"];

/// Runs the tests.
pub fn task(args: &Args) -> Result<(), String> {
    packages::install(packages::BUILD)?;
    run(&mut command("cargo", ["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
    run(&mut command("cargo", lints))?;
    let quick = ["cargo", "test", "--workspace", "--exclude", "integration"];
    if args.no_root || !is_root() {
        eprintln!("skipped: what needs root");
        return run(&mut command(quick[0], &quick[1..]));
    }
    packages::install(packages::TEST)?;
    run(&mut command("unshare", ISOLATED.iter().chain(&quick)))?;
    // These run the programs themselves, not only the libraries.
    run(&mut command("cargo", ["build", "--workspace", "--bins"]))?;
    let programs = ["cargo", "test", "--package", "integration"];
    run(&mut command("unshare", ISOLATED.iter().chain(&programs)))
}
