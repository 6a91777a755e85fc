//! Other options that do not go together.

use super::Entries;
use crate::diagnostic::{Diagnostic, Report};
use crate::schema::parse_boolean;

pub(super) fn check(entries: &Entries<'_>, report: &mut Report) {
    template(entries, report);
    cpu(entries, report);
    features(entries, report);
    mount_options(entries, report);
    idmap(entries, report);
    name_servers(entries, report);
}

fn template(entries: &Entries<'_>, report: &mut Report) {
    let (Some(onboot), true) = (entries.one("onboot"), entries.is_set("template")) else { return };
    if parse_boolean(onboot.value) == Some(true) {
        report.push(
            Diagnostic::warning(
                "template-onboot",
                onboot.span(),
                "a template is never started, also not on boot",
            )
            .label("has no effect"),
        );
    }
}

fn cpu(entries: &Entries<'_>, report: &mut Report) {
    let (Some(cores), Some(limit)) = (entries.one("cores"), entries.one("cpulimit")) else {
        return;
    };
    if let (Ok(cores), Ok(cpulimit)) = (cores.value.parse::<f64>(), limit.value.parse::<f64>())
        && cpulimit > cores
    {
        report.push(
            Diagnostic::note(
                "cpulimit-cores",
                limit.span(),
                "a limit above `cores` is never reached",
            )
            .label("more than `cores`"),
        );
    }
}

fn features(entries: &Entries<'_>, report: &mut Report) {
    let Some(features) = entries.one("features") else { return };
    let unprivileged = entries.is_set("unprivileged");
    for part in ["keyctl", "mknod", "force_rw_sys"] {
        if features.boolean(part) && !unprivileged {
            report.push(
                Diagnostic::note(
                    "feature-privileged",
                    features.span_of(part),
                    format!("`features`: `{part}` is about unprivileged containers"),
                )
                .label("has no effect here"),
            );
        }
    }
}

fn mount_options(entries: &Entries<'_>, report: &mut Report) {
    for entry in entries.named("rootfs").chain(entries.named("mp")) {
        let Some(options) = entry.get("mountoptions") else { continue };
        let lost: Vec<_> = options
            .split(';')
            .filter(|option| matches!(*option, "discard" | "lazytime" | "noatime"))
            .collect();
        if entry.boolean("ro") && !lost.is_empty() {
            report.push(
                Diagnostic::note(
                    "options-read-only",
                    entry.span_of("mountoptions"),
                    format!("`{}`: nothing is written to a read-only mount", entry.key),
                )
                .label(format!("`{}` has no effect", lost.join(";"))),
            );
        }
    }
}

/// Ranges of `lxc.idmap` that overlap inside or outside the container.
fn idmap(entries: &Entries<'_>, report: &mut Report) {
    let document = entries.document;
    let base = document.text().as_ptr() as usize;
    let mut seen: Vec<(&str, [u64; 3])> = Vec::new();
    let ranges = document.options(document.main()).filter(|option| option.key == "lxc.idmap");
    // user_namespaces(7): the kernel takes 340 lines for each kind.
    for option in ranges.take(2 * 340) {
        let fields: Vec<_> = option.value.split_ascii_whitespace().collect();
        let numbers: Vec<u64> =
            fields.iter().skip(1).filter_map(|field| field.parse().ok()).collect();
        let (Some(kind), &[inside, outside, count]) = (fields.first(), numbers.as_slice()) else {
            continue;
        };
        let overlaps =
            |a: u64, a_count: u64, b: u64, b_count: u64| a < b + b_count && b < a + a_count;
        let start = option.value.as_ptr() as usize - base;
        let span = start..start + option.value.len();
        for (_, other) in seen.iter().filter(|(other, _)| other == kind) {
            let side = if overlaps(inside, count, other[0], other[2]) {
                "inside"
            } else if overlaps(outside, count, other[1], other[2]) {
                "outside"
            } else {
                continue;
            };
            report.push(
                Diagnostic::error(
                    "idmap-overlap",
                    span.clone(),
                    format!("this range overlaps another one {side} the container"),
                )
                .label(format!("overlaps `{kind} {} {} {}`", other[0], other[1], other[2])),
            );
            break;
        }
        seen.push((kind, [inside, outside, count]));
    }
}

/// resolv.conf(5) reads three name servers.
fn name_servers(entries: &Entries<'_>, report: &mut Report) {
    let Some(entry) = entries.one("nameserver") else { return };
    let count = entry.value.split([',', ';', ' ', '\t']).filter(|part| !part.is_empty()).count();
    if count > 3 {
        report.push(
            Diagnostic::warning(
                "many-nameservers",
                entry.span(),
                format!("only the first 3 of {count} name servers are used"),
            )
            .label("resolv.conf(5) takes 3"),
        );
    }
}
