//! Programs of the host.

use std::io::ErrorKind;
use std::process::{Command, ExitStatus, Stdio};

use crate::error::{Error, Result};

/// Runs a program to its end and gives what it wrote to its standard output.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    // Its words are matched and shown; they should not depend on who calls.
    command.env("LC_ALL", "C").stdin(Stdio::null());
    let output = command.output().map_err(|e| spawn_failed(what, &program, e))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(what, &program, output.status, &said))
}

/// `program`, killed by the kernel when this thread ends: what works on for long shall not outlive us.
pub(crate) fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

pub(crate) fn spawn_failed(what: &str, program: &str, source: std::io::Error) -> Error {
    if source.kind() == ErrorKind::NotFound {
        return Error::NoProgram {
            what: what.into(),
            program: program.into(),
            package: package(program),
        };
    }
    Error::Io { what: format!("{what}: start {program}"), source }
}

pub(crate) fn failed(what: &str, program: &str, status: ExitStatus, said: &str) -> Error {
    // setpriv starts others; the failure is theirs.
    let missing = said.lines().find_map(|line| {
        let rest = line.strip_prefix("setpriv: failed to execute ")?;
        rest.strip_suffix(": No such file or directory")
    });
    if let Some(missing) = missing {
        return Error::NoProgram {
            what: what.into(),
            program: missing.into(),
            package: package(missing),
        };
    }
    let message = last_lines(said);
    Error::Program {
        what: what.into(),
        program: program.into(),
        message: if message.is_empty() { status.to_string() } else { message },
    }
}

/// The end of what a program wrote, on one line.
pub(crate) fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}

fn package(program: &str) -> &'static str {
    match program {
        "mkfs.ext4" | "e2fsck" | "resize2fs" | "tune2fs" => "e2fsprogs",
        "btrfs" => "btrfs-progs",
        "tar" => "tar",
        "zstd" => "zstd",
        "xz" => "xz-utils",
        "bzip2" => "bzip2",
        "gzip" => "gzip",
        "lzop" => "lzop",
        _ => "util-linux",
    }
}
