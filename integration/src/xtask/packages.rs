//! Debian packages that builds and tests need.

use crate::run::{command, is_root, run};
use std::process::Stdio;

/// What it takes to build everything.
pub const BUILD: &[&str] = &["gcc", "libc6-dev", "pkg-config", "libseccomp-dev"];

/// The programs whose ways of saving the tests try, and what else tests run.
pub const TEST: &[&str] = &[
    "acl",
    "ansible-core",
    "attr",
    "augeas-tools",
    "btrfs-progs",
    "busybox-static",
    "bzip2",
    "crudini",
    "dash",
    "e2fsprogs",
    "ed",
    "emacs-nox",
    "fuse3",
    "git",
    "inotify-tools",
    "iproute2",
    "joe",
    "libcap2-bin",
    "man-db",
    "mc",
    "mmdebstrap",
    "moreutils",
    "nano",
    "openssh-client",
    "openssh-sftp-server",
    "patch",
    "perl",
    "php-cli",
    "procps",
    "python3",
    "python3-configobj",
    "rsync",
    "ruby",
    "sqlite3",
    "strace",
    "tmux",
    "util-linux",
    "vim",
    "vim-tiny",
    "xfsprogs",
    "xz-utils",
    "zstd",
];

fn is_installed(package: &str) -> bool {
    command("dpkg-query", ["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

/// Installs those of `packages` that are missing, and says which.
///
/// # Errors
/// When there is no apt-get, this is not root, or a package cannot be installed.
pub fn install(packages: &[&str]) -> Result<(), String> {
    let missing: Vec<_> =
        packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("missing Debian packages: {}", missing.join(" "));
    if !is_root() {
        return Err(format!("not root; as root: apt-get install {}", missing.join(" ")));
    }
    run(command("apt-get", ["-q", "update"]).stdout(Stdio::null()))?;
    let options = ["-q", "-y", "--no-install-recommends", "install"];
    run(command("apt-get", options.iter().chain(&missing))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null()))
}
