//! `cargo xtask quickstart`: builds, and shows what the project does.

use crate::packages;
use crate::run::{command, is_root, root, run, target};
use std::path::Path;

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
    run(command(&pvefs, ["check", "100.conf"]).current_dir(&samples))?;
    eprintln!("\nOne with several:");
    let broken = run(command(&pvefs, ["check", "101.conf"]).current_dir(&samples));
    if broken.is_ok() {
        return Err("the mistakes in integration/samples/101.conf were not found".to_owned());
    }
    eprintln!("\nWhat an option means:");
    run(&mut command(&pvefs, ["explain", "net0.rate"]))?;
    mount(&pvefs, &samples.to_string_lossy())
}

/// Shows good and bad saves on a real mount.
fn mount(pvefs: &str, samples: &str) -> Result<(), String> {
    if !is_root() || !Path::new("/dev/fuse").exists() {
        eprintln!("\nThe file system is not shown: it takes root and /dev/fuse.");
        return Ok(());
    }
    let script = include_str!("quickstart.sh");
    let isolated =
        ["--mount", "--propagation", "private", "sh", "-c", script, "sh", pvefs, samples];
    let status =
        command("unshare", isolated).status().map_err(|error| format!("unshare: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the demonstration ended with {status}")) }
}
