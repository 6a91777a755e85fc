//! `cargo xtask fuzz`: coverage-guided fuzzing, where a nightly compiler is present.

use crate::run::{command, root, run, target};
use std::process::Stdio;

/// Fuzz the language of the files with libFuzzer; needs a nightly compiler
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to fuzz: container, storage, save
    #[arg(default_value = "container")]
    subject: String,
    /// For how long, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// What `cargo fuzz` passes too; with it libFuzzer sees which code an input reaches.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs the fuzzer.
pub fn task(args: &Args) -> Result<(), String> {
    let has_nightly = command("cargo", ["+nightly", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_nightly {
        eprintln!(
            "skipped: no nightly compiler here; the corpus is replayed by the ordinary tests"
        );
        return Ok(());
    }
    let folder = root().join("tests/fuzz");
    let build = target().join("fuzz");
    // Naming the target keeps the flags away from build scripts and macros.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let cargo = ["+nightly", "build", "--release", "--target", &target, "--bin", &args.subject];
    run(command("cargo", cargo)
        .current_dir(&folder)
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", &build))?;
    let program = build.join(target).join("release").join(&args.subject);
    let new = build.join("corpus").join(&args.subject);
    std::fs::create_dir_all(&new).map_err(|error| format!("{}: {error}", new.display()))?;
    let corpus = root().join("tests/fixtures/corpus").join(&args.subject);
    run(&mut command(
        &program.to_string_lossy(),
        [
            // New inputs go into the first folder; the second is only read.
            new.to_string_lossy().into_owned(),
            corpus.to_string_lossy().into_owned(),
            format!("-max_total_time={}", args.seconds),
            "-max_len=2048".to_owned(),
            "-timeout=10".to_owned(),
            format!("-dict={}", folder.join("words.dict").display()),
            format!("-artifact_prefix={}/", build.display()),
        ],
    ))
}
