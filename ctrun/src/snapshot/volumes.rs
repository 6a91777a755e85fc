//! The volumes of a section.

use pve_config::schema::{find_option, parse_boolean, split_index};
use pve_config::{Document, Properties, Section, Volume};

/// What is mounted at `rootfs` or an `mpN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub key: String,
    pub source: Source,
    /// Part of backups; the root always is.
    pub backup: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A volume of a storage, by its id.
    Volume(String),
    /// A directory or device of the host, which has no snapshots.
    Host(&'static str, String),
    /// Something that cannot be read.
    Unreadable,
}

/// The order in which volumes are treated: the root, then by number.
fn order(key: &str) -> Option<u32> {
    match split_index(key) {
        ("rootfs", None) => Some(0),
        ("mp", Some(index)) => Some(u32::from(index) + 1),
        _ => None,
    }
}

/// What is mounted by a section, the root first, then by number. A value that is partly wrong still names its volume,
/// which must not be forgotten for that.
pub(super) fn mounts(document: &Document, section: &Section) -> Vec<Mount> {
    let mut found: Vec<(u32, Mount)> = Vec::new();
    for option in document.options(section) {
        let (Some(order), Ok(definition)) = (order(option.key), find_option(option.key)) else {
            continue;
        };
        let parts = Properties::parse(definition, option.value);
        let source = match parts.get("volume").and_then(Volume::parse) {
            Some(volume @ Volume::Storage { .. }) => Source::Volume(volume.to_string()),
            Some(Volume::Directory(path)) => Source::Host("bind", path),
            Some(Volume::Device(path)) => Source::Host("device", path),
            None => Source::Unreadable,
        };
        let backup = order == 0 || parts.get("backup").and_then(parse_boolean).unwrap_or(false);
        // Of duplicates the last counts.
        found.retain(|(other, _)| *other != order);
        found.push((order, Mount { key: option.key.to_owned(), source, backup }));
    }
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, mount)| mount).collect()
}

/// The keys and volume ids of a section that have a part in the snapshot `name`. That of a backup has only what is part
/// of backups.
pub(super) fn volumes(document: &Document, section: &Section, name: &str) -> Vec<(String, String)> {
    mounts(document, section)
        .into_iter()
        .filter(|mount| name != "vzdump" || mount.backup)
        .filter_map(|mount| match mount.source {
            Source::Volume(volume) => Some((mount.key, volume)),
            Source::Host(..) | Source::Unreadable => None,
        })
        .collect()
}

/// The volume ids that `rootfs` and `mpN` of a section use.
pub(super) fn used(document: &Document, section: &Section) -> Vec<String> {
    volumes(document, section, "").into_iter().map(|(_, volume)| volume).collect()
}
