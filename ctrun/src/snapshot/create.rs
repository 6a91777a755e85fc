//! Taking a snapshot: all volumes or none.

use super::machine::Machine;
use super::volumes::volumes;
use super::{Error, Step, commit, delete, prepare, section};

/// Prepares, takes the snapshots of all volumes while the container stands still, and commits. What was done before a
/// failure is undone.
pub(super) fn create(machine: &mut Machine<'_>) -> Result<(), Error> {
    prepare::prepare(machine)?;
    let mut taken = Vec::new();
    if let Err(error) = take(machine, &mut taken) {
        machine.warn("snapshot create failed: starting cleanup");
        delete::clean_up(machine, &taken);
        return Err(error);
    }
    commit::commit(machine)
}

/// Takes the snapshot of each volume; `taken` are the options of those that were.
fn take(machine: &mut Machine<'_>, taken: &mut Vec<String>) -> Result<(), Error> {
    let guest = |step| move |source| Error::Guest { step, source };
    let frozen = machine.guest.freeze().map_err(guest(Step::Freeze));
    let result = frozen.and_then(|()| take_all(machine, taken));
    // A container that could only be frozen in part must go on as well.
    let thawed = machine.guest.thaw().map_err(guest(Step::Thaw));
    match (result, thawed) {
        (Err(error), Err(second)) => {
            machine.warn(second.to_string());
            Err(error)
        }
        (result, thawed) => result.and(thawed),
    }
}

fn take_all(machine: &mut Machine<'_>, taken: &mut Vec<String>) -> Result<(), Error> {
    let (document, name) = (machine.document(), machine.request.name);
    let found =
        section::get(&document, name).map_err(|source| machine.refused(Step::Snapshot, source))?;
    for (key, volume) in volumes(&document, found, name) {
        if let Err(source) = machine.volumes.snapshot(&volume, name) {
            return Err(Error::Volume { step: Step::Snapshot, key, volume, source });
        }
        taken.push(key);
    }
    Ok(())
}
