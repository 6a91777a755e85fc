//! The root and the mount points.

use super::Planner;
use super::step::Action;
use crate::config::{MountPoint, Volume};
use std::collections::BTreeMap;

const QUOTA: &str = "quotas are turned on when the volume is mounted, at start";
const SHRINK: &str = "volumes do not shrink; move to a smaller one: pct move-volume";
const ROOT: &str = "the root of a running container cannot be exchanged";
const ROOT_IDMAP: &str = "the root of a running container cannot be mounted again";
const ROOT_BUSY: &str = "the volume is the root of the running container";
const KEEP: &str = "this acts when the mount point is mounted, at start";

/// The components of a path inside the container.
pub(super) fn components(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

/// Whether `path` is strictly below `above`.
pub(super) fn is_below(path: &str, above: &str) -> bool {
    let (path, above) = (components(path), components(above));
    path.len() > above.len() && path.starts_with(&above)
}

/// Whether two mount points are of one volume that can be mounted only once.
pub(super) fn same_volume(a: &Volume, b: &Volume) -> bool {
    a == b && !matches!(a, Volume::Directory(_))
}

pub(super) fn plan(planner: &mut Planner<'_>) {
    root(planner);
    let old = planner.old.mount_points();
    let mut new = planner.new.mount_points();
    let changed: Vec<u16> = planner
        .changes
        .iter()
        .filter_map(|change| change.key.strip_prefix("mp")?.parse().ok())
        .collect();
    let mut readable = Vec::new();
    for index in changed {
        let key = format!("mp{index}");
        if planner.change(&key) {
            readable.push(index);
        } else if let Some(before) = old.get(&index) {
            // Not valid: what runs stays.
            new.insert(index, before.clone());
        }
    }
    let mut moved: Vec<u16> =
        readable.iter().copied().filter(|index| is_moved(old.get(index), new.get(index))).collect();
    // What waits for the next start hides nothing yet.
    let root = planner.old.rootfs();
    let is_root = |mount: &MountPoint| {
        root.as_ref().is_some_and(|root| same_volume(&root.volume, &mount.volume))
    };
    let (later, now): (BTreeMap<_, _>, BTreeMap<_, _>) = new
        .iter()
        .map(|(index, mount)| (*index, mount.clone()))
        .partition(|(index, mount)| moved.contains(index) && is_root(mount));
    with_those_below(&mut moved, &old, &now);
    sizes(planner, &readable, &old, &new, |before, after| after.read_only && !before.read_only);
    remove(planner, &moved, &old);
    let added = add(planner, &moved, &now);
    for (index, mount) in later {
        let key = format!("mp{index}");
        let action = Action::AddMount { mount: Box::new(mount) };
        planner.wait_for(&key, planner.properties(&key), action, ROOT_BUSY);
    }
    for &index in &readable {
        if let (Some(before), Some(after)) = (old.get(&index), new.get(&index)) {
            let key = format!("mp{index}");
            change(planner, &key, (before, after), added.contains(&index));
        }
    }
    sizes(planner, &readable, &old, &new, |before, after| !after.read_only || before.read_only);
}

/// Whether a mount point must be taken away or made, not only changed.
fn is_moved(before: Option<&MountPoint>, after: Option<&MountPoint>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            before.volume != after.volume
                || components(&before.target) != components(&after.target)
                || before.idmap != after.idmap
        }
        (None, None) => false,
        _ => true,
    }
}

/// Adds the mounts that lie below one that comes or goes: they keep it busy, or would be hidden by it.
fn with_those_below(
    moved: &mut Vec<u16>,
    old: &BTreeMap<u16, MountPoint>,
    new: &BTreeMap<u16, MountPoint>,
) {
    loop {
        let paths: Vec<&str> = moved
            .iter()
            .flat_map(|index| [old.get(index), new.get(index)])
            .flatten()
            .map(|mount| mount.target.as_str())
            .collect();
        let more: Vec<u16> = old
            .iter()
            .filter(|(index, _)| !moved.contains(index))
            .filter(|(_, mount)| paths.iter().any(|path| is_below(&mount.target, path)))
            .map(|(index, _)| *index)
            .collect();
        if more.is_empty() {
            return;
        }
        moved.extend(more);
    }
}

fn remove(planner: &mut Planner<'_>, moved: &[u16], old: &BTreeMap<u16, MountPoint>) {
    let mut mounts: Vec<_> =
        moved.iter().filter_map(|index| Some((*index, old.get(index)?))).collect();
    mounts.sort_by_key(|(index, mount)| (components(&mount.target).len(), *index));
    for (index, mount) in mounts.into_iter().rev() {
        let key = format!("mp{index}");
        let action = Action::RemoveMount { mount: Box::new(mount.clone()) };
        planner.live(&[&key], planner.properties(&key), action);
    }
}

/// Mounts what moved, and says what that was.
fn add(planner: &mut Planner<'_>, moved: &[u16], new: &BTreeMap<u16, MountPoint>) -> Vec<u16> {
    let mut mounts: Vec<_> =
        moved.iter().filter_map(|index| Some((*index, new.get(index)?))).collect();
    mounts.sort_by_key(|(index, mount)| (components(&mount.target).len(), *index));
    let mut added = Vec::new();
    for (index, mount) in mounts {
        let key = format!("mp{index}");
        let action = Action::AddMount { mount: Box::new(mount.clone()) };
        let properties = planner.properties(&key);
        planner.live(&[&key], properties, action);
        added.push(index);
    }
    added
}

/// What changes in a mount point that stays where it is, or was just made again.
fn change(
    planner: &mut Planner<'_>,
    key: &str,
    (before, after): (&MountPoint, &MountPoint),
    is_mounted_again: bool,
) {
    let mut flags = Vec::new();
    let mut recorded = Vec::new();
    for name in planner.properties(key) {
        match name {
            "ro" | "acl" | "mountoptions" => flags.push(name),
            "size"
                if !is_moved(Some(before), Some(after))
                    && !grows(before, after)
                    && !shrinks(before, after) =>
            {
                recorded.push(name);
            }
            "backup" | "shared" | "replicate" => recorded.push(name),
            "quota" if !is_mounted_again => planner.wait(key, vec![name], QUOTA),
            "keepattrs" if !is_mounted_again => planner.wait(key, vec![name], KEEP),
            // Written otherwise, `/srv/` for `/srv`.
            "mp" | "volume" | "idmap" if !is_moved(Some(before), Some(after)) => {
                recorded.push(name);
            }
            _ => {}
        }
    }
    if !flags.is_empty() && !is_mounted_again && !is_moved(Some(before), Some(after)) {
        let action = Action::RemountMount { mount: Box::new(after.clone()) };
        planner.live(&[key], flags, action);
    }
    if !recorded.is_empty() {
        planner.record(key, recorded);
    }
}

/// A bind mount has the size of its source.
fn is_sized(before: &MountPoint, after: &MountPoint) -> bool {
    before.volume == after.volume && matches!(after.volume, Volume::Storage { .. })
}

fn grows(before: &MountPoint, after: &MountPoint) -> bool {
    is_sized(before, after)
        && after.size.is_some_and(|size| before.size.is_none_or(|before| size > before))
}

fn shrinks(before: &MountPoint, after: &MountPoint) -> bool {
    let sizes = before.size.zip(after.size);
    is_sized(before, after) && sizes.is_some_and(|(before, after)| after < before)
}

/// A file system grows while it is writable: before it becomes read-only, or after it has become writable.
fn sizes(
    planner: &mut Planner<'_>,
    changed: &[u16],
    old: &BTreeMap<u16, MountPoint>,
    new: &BTreeMap<u16, MountPoint>,
    is_time: impl Fn(&MountPoint, &MountPoint) -> bool,
) {
    for index in changed {
        if let (Some(before), Some(after)) = (old.get(index), new.get(index))
            && is_time(before, after)
        {
            size(planner, &format!("mp{index}"), before, after);
        }
    }
}

fn size(planner: &mut Planner<'_>, key: &str, before: &MountPoint, after: &MountPoint) {
    let Some(to) = after.size else { return };
    let action = Action::GrowVolume { volume: after.volume.clone(), from: before.size, to };
    if grows(before, after) {
        planner.live(&[key], vec!["size"], action);
    } else if shrinks(before, after) {
        planner.wait(key, vec!["size"], SHRINK);
    }
}

/// The root stays mounted: what cannot be changed so waits.
fn root(planner: &mut Planner<'_>) {
    if !planner.change("rootfs") {
        return;
    }
    let (Some(before), Some(after)) = (planner.old.rootfs(), planner.new.rootfs()) else {
        planner.wait("rootfs", Vec::new(), ROOT);
        return;
    };
    let properties = planner.properties("rootfs");
    if before.volume != after.volume {
        planner.wait("rootfs", properties, ROOT);
        return;
    }
    let is_first = after.read_only && !before.read_only;
    if is_first {
        size(planner, "rootfs", &before, &after);
    }
    let mut flags = Vec::new();
    let mut recorded = Vec::new();
    for name in properties {
        match name {
            "ro" | "acl" | "mountoptions" => flags.push(name),
            "quota" => planner.wait("rootfs", vec![name], QUOTA),
            "idmap" => planner.wait("rootfs", vec![name], ROOT_IDMAP),
            "size" if grows(&before, &after) || shrinks(&before, &after) => {}
            _ => recorded.push(name),
        }
    }
    if !flags.is_empty() {
        let action = Action::RemountMount { mount: Box::new(after.clone()) };
        planner.live(&["rootfs"], flags, action);
    }
    if !is_first {
        size(planner, "rootfs", &before, &after);
    }
    if !recorded.is_empty() {
        planner.record("rootfs", recorded);
    }
}
