//! `cargo xtask bench`: measures, side by side with what people would use otherwise.

use crate::run::{command, run};

/// Measure speed and memory
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure: config, fs
    #[arg(default_values = ["config", "fs"])]
    subjects: Vec<String>,
}

/// Runs the benchmarks.
pub fn task(args: &Args) -> Result<(), String> {
    for subject in &args.subjects {
        let package = if matches!(subject.as_str(), "config" | "fs") { "pvefs" } else { "ctrun" };
        run(&mut command("cargo", ["build", "--release", "--quiet", "--package", package]))?;
        let bench = ["bench", "--quiet", "--package", "integration", "--bench", subject];
        run(&mut command("cargo", bench))?;
    }
    Ok(())
}
