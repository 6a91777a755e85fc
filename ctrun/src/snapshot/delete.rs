//! Deleting a snapshot, for a user or to undo one that could not be completed.

use pve_config::{Document, PENDING};

use super::machine::Machine;
use super::volumes::{self, volumes};
use super::{Error, Refusal, Step, check, section, unused};

/// Deletes a snapshot. Its children become those of its parent.
///
/// Each volume that has been deleted moves to an `unusedN` of the section, so that a second try knows what is left to
/// do. With `force` nothing is tried twice, and errors of the storage are warnings.
pub(super) fn delete(machine: &mut Machine<'_>) -> Result<(), Error> {
    let request = machine.request;
    let (name, force) = (request.name, request.force);
    machine.step(Step::PrepareDelete, |document| {
        section::get(document, name)?;
        check::unlocked(document, request)?;
        check::no_template(document, Refusal::DeleteInTemplate)?;
        document.set(None, "lock", "snapshot-delete")?;
        document.set(Some(name), "snapstate", "delete")?;
        Ok(())
    })?;
    let document = machine.document();
    let found =
        section::get(&document, name).map_err(|source| machine.refused(Step::Delete, source))?;
    let mut deleted = Vec::new();
    for (key, volume) in volumes(&document, found, name) {
        match machine.volumes.delete(&volume, name) {
            Ok(()) => deleted.push(volume.clone()),
            Err(source) => {
                let error = Error::Volume { step: Step::Delete, key, volume, source };
                if !force {
                    return Err(error);
                }
                machine.warn(error.to_string());
                continue;
            }
        }
        if !force {
            machine.step(Step::Delete, |document| {
                check::locked_by(document, "snapshot-delete")?;
                section::get(document, name)?;
                document.delete(Some(name), &key)?;
                unused::add(document, Some(name), &volume)
            })?;
        }
    }
    finish(machine, Step::RemoveSection, "snapshot-delete", deleted)
}

/// Undoes a create: deletes what was `taken`, and removes the section. Goes on past errors, which are warnings.
pub(super) fn clean_up(machine: &mut Machine<'_>, taken: &[String]) {
    if let Err(error) = try_clean_up(machine, taken) {
        machine.warn(error.to_string());
    }
}

fn try_clean_up(machine: &mut Machine<'_>, taken: &[String]) -> Result<(), Error> {
    let name = machine.request.name;
    machine.step(Step::CleanUp, |document| {
        check::locked_by(document, "snapshot")?;
        section::get(document, name)?;
        document.set(Some(name), "snapstate", "delete")?;
        Ok(())
    })?;
    let document = machine.document();
    let found =
        section::get(&document, name).map_err(|source| machine.refused(Step::CleanUp, source))?;
    let mut deleted = Vec::new();
    for (key, volume) in volumes(&document, found, name) {
        if !taken.contains(&key) {
            continue;
        }
        match machine.volumes.delete(&volume, name) {
            Ok(()) => deleted.push(volume),
            Err(source) => {
                let error = Error::Volume { step: Step::CleanUp, key, volume, source };
                machine.warn(error.to_string());
            }
        }
    }
    finish(machine, Step::CleanUp, "snapshot", deleted)
}

/// Removes the section and the lock. A volume that only this snapshot still spoke of is unused now.
fn finish(
    machine: &mut Machine<'_>,
    step: Step,
    lock: &'static str,
    mut deleted: Vec<String>,
) -> Result<(), Error> {
    let request = machine.request;
    let name = request.name;
    machine.step(step, |document| {
        check::locked_by(document, lock)?;
        let found = section::get(document, name)?;
        // An earlier try may have deleted some.
        deleted.extend(unused::list(document, found).into_iter().map(|(_, volume)| volume));
        reparent(document, name)?;
        // Of two sections of one name, only the second counts; the first must not come back.
        while section::find(document, name).is_some() && document.remove_section(name) {}
        check::release(document, request)?;
        let mut used = volumes::used(document, document.main());
        if let Some(pending) = document.section(PENDING) {
            used.extend(volumes::used(document, pending));
        }
        for volume in deleted.iter().filter(|volume| !used.contains(volume)) {
            unused::add(document, None, volume)?;
        }
        Ok(())
    })
}

/// Gives the children of a snapshot, and the present state if it is one of them, to its parent.
fn reparent(document: &mut Document, name: &str) -> Result<(), Refusal> {
    let parent = section::value(document, name, "parent").map(str::to_owned);
    let parent = parent.filter(|parent| parent != name);
    let children: Vec<String> = document
        .snapshots()
        .map(|(other, _)| other)
        .filter(|other| *other != name && section::value(document, other, "parent") == Some(name))
        .map(str::to_owned)
        .collect();
    let main = (document.get("parent") == Some(name)).then_some(None);
    for child in main.into_iter().chain(children.iter().map(|child| Some(child.as_str()))) {
        match &parent {
            Some(parent) => document.set(child, "parent", parent)?,
            None => {
                document.delete(child, "parent")?;
            }
        }
    }
    Ok(())
}
