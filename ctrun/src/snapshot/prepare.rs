//! The first half of a create.

use pve_config::{Document, Section};

use super::machine::Machine;
use super::volumes::{self, Source};
use super::{Error, Refusal, Step, check, section};

/// Checks, locks the container and writes the section, which says that it is not complete yet.
pub(super) fn prepare(machine: &mut Machine<'_>) -> Result<(), Error> {
    let request = machine.request;
    let name = request.name;
    check::new_name(request).map_err(Error::Refused)?;
    let mut warnings = Vec::new();
    // The edit must not need the machine, so what it asks the storage is asked before.
    let unavailable = not_available(machine);
    let result = machine.step(Step::Prepare, |document| {
        check::no_template(document, Refusal::SnapshotOfTemplate)?;
        check::unlocked(document, request)?;
        if section::find(document, name).is_some() {
            return Err(Refusal::Taken(name.to_owned()));
        }
        if let Some(refusal) = unavailable {
            return Err(refusal);
        }
        drop_stale_parents(document, name, &mut warnings)?;
        document.set(None, "lock", "snapshot")?;
        let lines = section::recorded(document, document.main())
            .into_iter()
            .map(|option| section::line_text(document, option.line))
            .collect();
        section::insert(document, name, lines);
        document.set(Some(name), "snapstate", "prepare")?;
        document.set(Some(name), "snaptime", &request.time.to_string())?;
        if let Some(text) = request.description.filter(|text| !text.is_empty()) {
            document.set_description(Some(name), text)?;
        }
        left_out(document, section::get(document, name)?, name, &mut warnings);
        Ok(())
    });
    if result.is_ok() {
        warnings.into_iter().for_each(|warning| machine.warn(warning));
    }
    result
}

/// The first volume that cannot have a snapshot.
fn not_available(machine: &mut Machine<'_>) -> Option<Refusal> {
    let document = machine.document();
    let all = volumes::volumes(&document, document.main(), machine.request.name);
    all.into_iter().find_map(|(key, volume)| {
        let source = machine.volumes.can_snapshot(&volume).err()?;
        Some(Refusal::NotAvailable { key, volume, source })
    })
}

/// Somebody removed a snapshot by hand and left its name as a parent. A new one of that name must not become the parent
/// of what was there before it, and never its own.
fn drop_stale_parents(
    document: &mut Document,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    let children: Vec<Option<String>> = std::iter::once(None)
        .chain(document.snapshots().map(|(other, _)| Some(other.to_owned())))
        .filter(|child| {
            let section = child
                .as_deref()
                .map_or(Some(document.main()), |child| section::find(document, child));
            section
                .and_then(|section| document.option(section, "parent"))
                .is_some_and(|parent| parent.value == name)
        })
        .collect();
    for child in children {
        document.delete(child.as_deref(), "parent")?;
        let of = child.map_or_else(|| "the container".to_owned(), |child| format!("'{child}'"));
        warnings.push(format!(
            "parent '{name}' of {of} did not exist any more, the reference to it was removed"
        ));
    }
    Ok(())
}

/// Names what has no part in the snapshot.
fn left_out(document: &Document, section: &Section, name: &str, warnings: &mut Vec<String>) {
    for mount in volumes::mounts(document, section) {
        let key = mount.key;
        match mount.source {
            Source::Host(kind, path) => warnings
                .push(format!("{key}: {path} is a {kind} mount and not part of the snapshot")),
            Source::Unreadable => warnings
                .push(format!("{key}: this names no volume and is not part of the snapshot")),
            Source::Volume(volume) if name == "vzdump" && !mount.backup => warnings
                .push(format!("{key}: {volume} is not part of backups, nor of the snapshot")),
            Source::Volume(_) => {}
        }
    }
}
