//! `ctrun`: see `ctrun --help`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // A supervisor is told what to do through a socket, and the command line's parser is not for it.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == "supervise") {
        return ctrun::supervisor::main();
    }
    ctrun::commands::main(ctrun::commands::Cli::parse())
}
