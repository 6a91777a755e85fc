//! Making a container what it was when a snapshot was taken.

use pve_config::{Document, Section};

use super::machine::Machine;
use super::volumes::volumes;
use super::{Error, Refusal, Step, apply, check, section};

/// Checks the file, asks for every volume whether it can be rolled back, stops the container, locks it, rolls the volumes back, and makes
/// the snapshot's configuration the container's. After a failure in the middle the lock stays.
pub(super) fn rollback(machine: &mut Machine<'_>) -> Result<(), Error> {
    let request = machine.request;
    let name = request.name;
    let document = machine.document();
    let found = snapshot(&document, name).map_err(Error::Refused)?;
    complete(&document, name).map_err(Error::Refused)?;
    check::unlocked(&document, request).map_err(Error::Refused)?;
    for (key, volume) in volumes(&document, found, name) {
        if let Err(source) = machine.volumes.rollback_possible(&volume, name) {
            return Err(Error::Volume { step: Step::CheckRollback, key, volume, source });
        }
    }
    // What cannot be written afterwards must be known before anything is lost.
    apply::apply(&mut document.clone(), name).map_err(Error::Refused)?;
    machine.guest.stop().map_err(|source| Error::Guest { step: Step::Stop, source })?;
    machine.step(Step::Lock, |document| {
        snapshot(document, name)?;
        complete(document, name)?;
        check::unlocked(document, request)?;
        document.set(None, "lock", "rollback")?;
        Ok(())
    })?;
    let document = machine.document();
    let found =
        snapshot(&document, name).map_err(|source| machine.refused(Step::Rollback, source))?;
    for (key, volume) in volumes(&document, found, name) {
        if let Err(source) = machine.volumes.rollback(&volume, name) {
            return Err(Error::Volume { step: Step::Rollback, key, volume, source });
        }
    }
    machine.step(Step::Apply, |document| {
        check::locked_by(document, "rollback")?;
        snapshot(document, name)?;
        complete(document, name)?;
        // The lock first: it may stand where it keeps the options from being in order.
        check::release(document, request)?;
        apply::apply(document, name)
    })
}

fn snapshot<'d>(document: &'d Document, name: &str) -> Result<&'d Section, Refusal> {
    check::no_template(document, Refusal::RollbackOfTemplate)?;
    section::get(document, name)
}

/// Refuses a snapshot that is being made or deleted.
fn complete(document: &Document, name: &str) -> Result<(), Refusal> {
    match section::value(document, name, "snapstate") {
        Some(state) => Err(Refusal::Incomplete(state.to_owned())),
        _ => Ok(()),
    }
}
