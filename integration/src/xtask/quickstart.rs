//! `cargo xtask quickstart`: builds, and shows what the project does.

use crate::packages;
use crate::run::{command, root, run, target};

/// Build everything and see it at work
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Builds, checks the sample files, and shows what is found.
pub fn task(_args: &Args) -> Result<(), String> {
    packages::install(packages::BUILD)?;
    run(&mut command("cargo", ["build", "--release", "--workspace", "--bins"]))?;
    let pvefs = target().join("release/pvefs");
    let pvefs = pvefs.to_string_lossy();
    let samples = root().join("integration/samples");
    eprintln!("\nA configuration without mistakes; nothing is printed:");
    run(&mut command(&pvefs, ["check", "100.conf"]).current_dir(&samples))?;
    eprintln!("\nOne with several:");
    let broken = run(command(&pvefs, ["check", "101.conf"]).current_dir(&samples));
    if broken.is_ok() {
        return Err("the mistakes in integration/samples/101.conf were not found".to_owned());
    }
    eprintln!("\nWhat an option means:");
    run(&mut command(&pvefs, ["explain", "net0.rate"]))
}
