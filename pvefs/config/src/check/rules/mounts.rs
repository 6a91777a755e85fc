//! Root and mount points, volumes, devices.

use super::{Entries, Entry};
use crate::diagnostic::{Diagnostic, Report};
use crate::schema::{quote, split_index};

/// Directories of the host that give away the host when they are bound into a container.
const HOST_SYSTEM: [&str; 12] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/usr",
];

/// A path without repeated and trailing slashes.
fn normal(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

pub(super) fn check(entries: &Entries<'_>, id: Option<u32>, report: &mut Report) {
    if let Some(first) = entries.all.first()
        && entries.one("rootfs").is_none()
    {
        report.push(
            Diagnostic::note(
                "no-rootfs",
                first.span(),
                "there is no `rootfs`: this container has nothing to start from",
            )
            .label("expected `rootfs: VOLUME` somewhere in this section"),
        );
    }
    targets(entries, report);
    volumes(entries, report);
    for entry in entries.named("rootfs").chain(entries.named("mp")).chain(entries.named("unused")) {
        source(entry, id, report);
    }
    for entry in entries.named("rootfs").chain(entries.named("mp")) {
        quota(entries, entry, report);
    }
    devices(entries, report);
}

/// Where mount points are put in the container.
fn targets(entries: &Entries<'_>, report: &mut Report) {
    let points: Vec<_> = entries
        .named("mp")
        .filter_map(|entry| Some((entry.get("mp").filter(|path| !path.is_empty())?, entry)))
        .map(|(path, entry)| (normal(path), entry))
        .collect();
    for (at, (path, entry)) in points.iter().enumerate() {
        let span = entry.span_of("mp");
        if matches!(path.as_str(), "/" | "/proc" | "/sys" | "/dev") {
            report.push(
                Diagnostic::error(
                    "bad-target",
                    span.clone(),
                    format!("`{}`: nothing can be mounted over `{path}`", entry.key),
                )
                .label("expected another path")
                .help(if path == "/" {
                    "the root is the option `rootfs`"
                } else {
                    "the container has its own"
                }),
            );
        } else if !entry.get("mp").is_some_and(|path| path.starts_with('/')) {
            report.push(
                Diagnostic::warning(
                    "relative-target",
                    span.clone(),
                    format!("`{}`: the path is relative", entry.key),
                )
                .label(format!("write {}", quote(path))),
            );
        }
        if let Some((_, first)) = points[..at].iter().find(|(other, _)| other == path) {
            report.push(
                Diagnostic::error(
                    "same-target",
                    span,
                    format!("`{}` and `{}` are mounted on one path", first.key, entry.key),
                )
                .label("mounted here again")
                .related(first.span_of("mp"), "mounted here first"),
            );
            continue;
        }
        let index = split_index(entry.key).1;
        let hidden = points.iter().find(|(other, child)| {
            split_index(child.key).1 < index
                && other.strip_prefix(path.as_str()).is_some_and(|below| below.starts_with('/'))
        });
        if let Some((_, child)) = hidden {
            report.push(
                Diagnostic::warning(
                    "hidden-mount",
                    span,
                    format!("`{}` hides `{}`", entry.key, child.key),
                )
                .label("mounted later, over the directory of the other")
                .related(child.span_of("mp"), "mounted first, and then covered")
                .help("give the outer mount point the lower number"),
            );
        }
    }
}

/// A volume belongs to one option.
fn volumes(entries: &Entries<'_>, report: &mut Report) {
    let mut seen: Vec<(&str, &Entry<'_>)> = Vec::new();
    let users = entries.named("rootfs").chain(entries.named("mp")).chain(entries.named("unused"));
    for entry in users {
        let Some(volume) = entry.get("volume") else { continue };
        // Two binds of one directory are no harm; two mounts of one file system are.
        if volume.starts_with('/') && !volume.starts_with("/dev/") {
            continue;
        }
        let Some((_, first)) = seen.iter().find(|(other, _)| *other == volume) else {
            seen.push((volume, entry));
            continue;
        };
        let diagnostic = if entry.option.name == "unused" {
            Diagnostic::error(
                "unused-in-use",
                entry.span_of("volume"),
                if first.option.name == "unused" {
                    format!("`{}`: this volume is `{}` already", entry.key, first.key)
                } else {
                    format!("`{}`: this volume is in use by `{}`", entry.key, first.key)
                },
            )
            .label("not unused")
            .help(format!("delete this line; removing `{}` would free the volume", entry.key))
        } else {
            Diagnostic::error(
                "same-volume",
                entry.span_of("volume"),
                format!("`{}` and `{}` use one volume", first.key, entry.key),
            )
            .label("used here again")
        };
        report.push(diagnostic.related(first.span_of("volume"), "used here"));
    }
}

/// What a mount point is made from.
fn source(entry: &Entry<'_>, id: Option<u32>, report: &mut Report) {
    let Some(volume) = entry.get("volume") else { return };
    let span = entry.span_of("volume");
    let key = entry.key;
    if volume.starts_with('/') {
        let path = normal(volume);
        let is_system = HOST_SYSTEM.contains(&path.as_str()) || path == "/var" || path == "/home";
        if is_system && !volume.starts_with("/dev/") {
            report.push(
                Diagnostic::warning(
                    "system-bind",
                    span,
                    format!("`{key}`: `{path}` is a directory of the host's system"),
                )
                .label("a container must not get hold of this")
                .help("keep what containers share in a place of its own, such as /mnt/bindmounts"),
            );
        }
        return;
    }
    let Some((_, name)) = volume.split_once(':') else { return };
    let (whole, fraction) = name.split_once('.').unwrap_or((name, "0"));
    let is_digits = |part: &str| {
        (1..=12).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if is_digits(whole) && is_digits(fraction) {
        report.push(
            Diagnostic::warning(
                "allocation",
                span,
                format!("`{key}`: this reads as a request for a new volume of {name} GiB"),
            )
            .label("in the file it is the volume's name")
            .help(format!("to make a volume: pct set ID -{key} {}", quote(volume))),
        );
        return;
    }
    if let (Some(id), Some(owner)) = (id, owner(name))
        && id != owner
    {
        report.push(
            Diagnostic::note(
                "foreign-volume",
                span,
                format!("`{key}`: by its name this volume belongs to container {owner}"),
            )
            .label(format!("used by container {id}")),
        );
    }
}

/// The container that a volume's name says it belongs to: `107/vm-107-disk-0.raw`, `subvol-107-disk-0`.
fn owner(name: &str) -> Option<u32> {
    let file = name.rsplit('/').next()?;
    let rest = ["vm-", "subvol-"].iter().find_map(|prefix| file.strip_prefix(prefix))?;
    rest.split('-').next()?.parse().ok()
}

fn quota(entries: &Entries<'_>, entry: &Entry<'_>, report: &mut Report) {
    let key = entry.key;
    if entry.boolean("quota") && entries.is_set("unprivileged") {
        report.push(
            Diagnostic::error(
                "quota-unprivileged",
                entry.span_of("quota"),
                format!("`{key}`: quotas cannot be used in an unprivileged container"),
            )
            .label("remove `quota=1`"),
        );
    } else if entry.boolean("quota")
        && entry
            .get("volume")
            .is_some_and(|volume| volume.starts_with('/') && !volume.starts_with("/dev/"))
    {
        report.push(
            Diagnostic::warning(
                "quota-bind",
                entry.span_of("quota"),
                format!("`{key}`: quotas have no effect on a bind mount"),
            )
            .label("no effect"),
        );
    }
    let is_bind = entry.get("volume").is_some_and(|volume| volume.starts_with('/'));
    if is_bind && entry.boolean("backup") {
        report.push(
            Diagnostic::warning(
                "backup-bind",
                entry.span_of("backup"),
                format!("`{key}`: bind and device mounts are never part of a backup"),
            )
            .label("no effect"),
        );
    }
    if is_bind
        && entry.get("size").is_some_and(|size| size.trim_end_matches(['K', 'M', 'G', 'T']) != "0")
    {
        report.push(
            Diagnostic::note(
                "size-bind",
                entry.span_of("size"),
                format!("`{key}`: a bind or device mount has the size of its source"),
            )
            .label("no effect"),
        );
    }
}

fn devices(entries: &Entries<'_>, report: &mut Report) {
    let mut seen: Vec<(&str, &Entry<'_>)> = Vec::new();
    for entry in entries.named("dev") {
        let Some(path) = entry.get("path") else { continue };
        match seen.iter().find(|(other, _)| *other == path) {
            Some((_, first)) => report.push(
                Diagnostic::error(
                    "same-device",
                    entry.span_of("path"),
                    format!("`{}` and `{}` are one device", first.key, entry.key),
                )
                .label("passed through again")
                .related(first.span_of("path"), "passed through here"),
            ),
            None => seen.push((path, entry)),
        }
    }
}
