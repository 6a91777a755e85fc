//! The second half of a create.

use super::machine::Machine;
use super::{Error, Refusal, Step, check, section};

/// Writes that the snapshot is complete and that the present state is based on it, and takes the lock away.
pub(super) fn commit(machine: &mut Machine<'_>) -> Result<(), Error> {
    let request = machine.request;
    let name = request.name;
    machine.step(Step::Commit, |document| {
        if check::lock(document) != Some("snapshot") {
            return Err(Refusal::NoSnapshotLock);
        }
        section::get(document, name)?;
        if section::value(document, name, "snapstate") != Some("prepare") {
            return Err(Refusal::WrongState);
        }
        document.delete(Some(name), "snapstate")?;
        check::release(document, request)?;
        document.set(None, "parent", name)?;
        Ok(())
    })
}
