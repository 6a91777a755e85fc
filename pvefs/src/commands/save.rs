//! Saving a text from a command: through the daemon where one serves the store, straight into the store where none does.

use super::mount::control::{ControlRequest, ask};
use crate::cli::CliError;
use crate::fs::Judge as _;
use crate::judge::ConfigJudge;
use crate::settings::Settings;
use pvefs_store::{
    Author, Change, Commit, Precondition, Revision, SqliteOptions, SqliteStore, Store, TreePath,
};
use std::io::ErrorKind;

/// Saves `text` as the file at `path`, if its text now is that of revision `now` (`None`: there is none). Returns the new
/// revision.
///
/// # Errors
/// When the text is refused, or it cannot be saved.
pub fn save(
    settings: &Settings,
    path: &TreePath,
    text: &[u8],
    now: Option<Revision>,
    program: &str,
) -> Result<Revision, CliError> {
    let Ok(as_text) = std::str::from_utf8(text) else {
        return Err(CliError::new(format!("{path}: the text is not UTF-8")));
    };
    let request = ControlRequest::Commit {
        path: path.to_string(),
        text: as_text.to_owned(),
        if_revision: now,
        program: Some(program.to_owned()),
    };
    match ask(&settings.control_socket(), &request) {
        Ok(reply) => match (reply.error, reply.revision) {
            (None, Some(revision)) => Ok(revision),
            (error, _) => {
                let error =
                    CliError::new(error.unwrap_or_else(|| "the daemon gave no answer".into()));
                Err(match reply.reasons {
                    Some(reasons) => error.hint(format!("it was refused:\n{reasons}")),
                    None => error,
                })
            }
        },
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            into_store(settings, path, text, now, program)
        }
        Err(error) => {
            Err(CliError::new(format!("ask {}: {error}", settings.control_socket().display())))
        }
    }
}

fn into_store(
    settings: &Settings,
    path: &TreePath,
    text: &[u8],
    now: Option<Revision>,
    program: &str,
) -> Result<Revision, CliError> {
    let store =
        SqliteStore::open(&settings.store, SqliteOptions::default()).map_err(CliError::new)?;
    let old = store.read(path).map_err(CliError::new)?;
    ConfigJudge.text(path, old.as_ref().map(|(_, text)| &**text), text).map_err(|refusal| {
        CliError::new(format!("{path}: refused: {}", refusal.summary)).hint(refusal.reasons)
    })?;
    let precondition = match now {
        Some(revision) => Precondition::At { path: path.clone(), revision },
        None => Precondition::Absent { path: path.clone() },
    };
    let author = Author {
        uid: Some(nix::unistd::getuid().as_raw()),
        pid: Some(std::process::id()),
        program: program.to_owned(),
    };
    store
        .commit(Commit {
            preconditions: vec![precondition],
            changes: vec![Change::Put { path: path.clone(), data: text.into() }],
            author,
        })
        .map_err(CliError::new)
}
