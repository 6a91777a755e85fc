//! SSH: keys that let in, and the guest's own host keys.

use std::process::{Child, Command, Stdio};

use crate::error::Error;
use crate::guest::Guest;
use crate::markers::{self, Where};
use crate::passwd;

const KINDS: [&str; 3] = ["rsa", "ecdsa", "ed25519"];

/// Plans root's `authorized_keys`.
pub(crate) fn authorized_keys(guest: &mut Guest<'_>) -> Result<(), Error> {
    let Some(keys) = guest.options.ssh_keys.as_deref().filter(|keys| !keys.trim().is_empty())
    else {
        return Ok(());
    };
    let passwd = guest.root.text("etc/passwd")?.unwrap_or_default();
    let dir = format!("{}/.ssh", passwd::home(&passwd).trim_matches('/'));
    guest.root.make_dirs(&dir, 0o700)?;
    guest.root.edit(&format!("{dir}/authorized_keys"), 0o600, |old| {
        Some(markers::merge(old.unwrap_or(""), keys, Where::Append))
    })?;
    Ok(())
}

/// Plans new host keys, if the guest has a place for them. The host's ssh-keygen makes them in a directory of its own.
pub(crate) fn host_keys(guest: &mut Guest<'_>) -> Result<(), Error> {
    if !guest.root.is_dir("etc/ssh") {
        return Ok(());
    }
    // Kinds that are no longer made: those of a template are known to everyone who has it.
    for old in ["ssh_host_key", "ssh_host_dsa_key"] {
        guest.root.remove(&format!("etc/ssh/{old}"))?;
        guest.root.remove(&format!("etc/ssh/{old}.pub"))?;
    }
    let wanted: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| !guest.root.ignored(&format!("etc/ssh/ssh_host_{kind}_key")))
        .collect();
    if guest.options.dry_run {
        for kind in wanted {
            guest.notes.push(format!("make new SSH host key /etc/ssh/ssh_host_{kind}_key"));
        }
        return Ok(());
    }
    let dir = tempfile::Builder::new().prefix("ct-guest-keys.").tempdir().map_err(|source| {
        Error::Host { operation: "make a directory for host keys".into(), source }
    })?;
    let comment = format!("root@{}", guest.settings.short_name());
    let mut running = Vec::new();
    for kind in wanted {
        let file = dir.path().join(kind);
        let child = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", &comment, "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Host { operation: "run ssh-keygen".into(), source });
        running.push((kind, file, child));
    }
    // All are waited for before any error is told.
    let done: Vec<_> =
        running.into_iter().map(|(kind, file, child)| (kind, file, wait(kind, child))).collect();
    for (kind, file, result) in done {
        result?;
        let path = format!("etc/ssh/ssh_host_{kind}_key");
        for (suffix, mode) in [("", 0o600), (".pub", 0o644)] {
            let from = format!("{}{suffix}", file.display());
            let key = std::fs::read(&from)
                .map_err(|source| Error::Host { operation: format!("read {from}"), source })?;
            guest.root.write_with_mode(&format!("{path}{suffix}"), key, mode)?;
        }
    }
    Ok(())
}

fn wait(kind: &str, child: Result<Child, Error>) -> Result<(), Error> {
    let output = child?
        .wait_with_output()
        .map_err(|source| Error::Host { operation: "wait for ssh-keygen".into(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Keygen { kind: kind.to_owned(), status: output.status, message })
}
