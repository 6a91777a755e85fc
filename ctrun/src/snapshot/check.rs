//! What must hold before anything is done.

use pve_config::Document;
use pve_config::schema::{Format, parse_boolean};

use super::{Refusal, Request};

/// The lock of a container; one without a value is none.
pub(super) fn lock(document: &Document) -> Option<&str> {
    document.get("lock").filter(|lock| !lock.is_empty())
}

/// Refuses if somebody else has locked the container.
pub(super) fn unlocked(document: &Document, request: &Request<'_>) -> Result<(), Refusal> {
    match lock(document) {
        Some(lock) if request.held != Some(lock) => Err(Refusal::Locked(lock.to_owned())),
        _ => Ok(()),
    }
}

/// Refuses if our own lock has gone, or another has come in its place.
pub(super) fn locked_by(document: &Document, expected: &'static str) -> Result<(), Refusal> {
    if lock(document) == Some(expected) { Ok(()) } else { Err(Refusal::LostLock(expected)) }
}

/// Takes our lock away; who held one before has it again.
pub(super) fn release(document: &mut Document, request: &Request<'_>) -> Result<(), Refusal> {
    match request.held {
        Some(held) => document.set(None, "lock", held)?,
        None => {
            document.delete(None, "lock")?;
        }
    }
    Ok(())
}

/// Refuses a template.
pub(super) fn no_template(document: &Document, refusal: Refusal) -> Result<(), Refusal> {
    let is_template = document.get("template").and_then(parse_boolean).unwrap_or(false);
    if is_template { Err(refusal) } else { Ok(()) }
}

/// Refuses a name that a new snapshot cannot have.
pub(super) fn new_name(request: &Request<'_>) -> Result<(), Refusal> {
    let name = request.name;
    if name.chars().count() > 40 {
        return Err(Refusal::LongName(name.to_owned()));
    }
    if !Format::SnapshotName.problems(name).is_empty() {
        return Err(Refusal::BadName(name.to_owned()));
    }
    let is_backup = request.held == Some("backup");
    // The present state, and the snapshot of a backup.
    if name.eq_ignore_ascii_case("current")
        || (name.eq_ignore_ascii_case("vzdump") && !(is_backup && name == "vzdump"))
    {
        return Err(Refusal::Reserved(name.to_owned()));
    }
    Ok(())
}
