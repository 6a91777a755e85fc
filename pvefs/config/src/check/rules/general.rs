//! Other options that do not go together.

use super::Entries;
use crate::diagnostic::{Diagnostic, Report};
use crate::schema::{parse_boolean, parse_id, quote};

pub(super) fn check(entries: &Entries<'_>, report: &mut Report) {
    template(entries, report);
    cpu(entries, report);
    features(entries, report);
    console(entries, report);
    host_name(entries, report);
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
    // An id map makes a container unprivileged too.
    let document = entries.document;
    let has_map = |key: &str| document.option(document.main(), key).is_some();
    let unprivileged =
        entries.is_set("unprivileged") || has_map("lxc.idmap") || has_map("lxc.id_map");
    if features.boolean("nesting") && !unprivileged {
        report.push(
            Diagnostic::warning(
                "nesting-privileged",
                features.span_of("nesting"),
                "`features`: `nesting` lets a privileged container reach the host",
            )
            .label("expected only with `unprivileged: 1`"),
        );
    }
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

/// What `pct console` opens must be there.
fn console(entries: &Entries<'_>, report: &mut Report) {
    let mode = entries.one("cmode");
    let missing = match mode.map_or("tty", |mode| mode.value) {
        "console" => {
            entries.one("console").filter(|entry| parse_boolean(entry.value) == Some(false))
        }
        "tty" => entries.one("tty").filter(|entry| entry.value.parse() == Ok(0)),
        _ => None,
    };
    if let Some(missing) = missing {
        let diagnostic = Diagnostic::warning(
            "no-console",
            missing.span(),
            format!("`pct console` opens `/dev/{}`, which is not there", missing.key),
        );
        report.push(diagnostic.label("turned off here").help("or set `cmode: shell`"));
    }
}

/// sethostname(2) takes 64 bytes.
fn host_name(entries: &Entries<'_>, report: &mut Report) {
    let Some(name) = entries.one("hostname").filter(|name| name.value.len() > 64) else { return };
    report.push(
        Diagnostic::warning(
            "long-hostname",
            name.span(),
            format!("the kernel takes host names of 64 bytes, this one has {}", name.value.len()),
        )
        .label("too long to be set inside"),
    );
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
                .label(format!("{} has no effect", quote(&lost.join(";")))),
            );
        }
    }
}

/// Ranges of `lxc.idmap` that overlap inside or outside the container.
fn idmap(entries: &Entries<'_>, report: &mut Report) {
    let document = entries.document;
    let base = document.text().as_ptr() as usize;
    let mut seen: Vec<(&str, [u64; 3])> = Vec::new();
    let ranges = document
        .options(document.main())
        .filter(|option| matches!(option.key, "lxc.idmap" | "lxc.id_map"));
    // user_namespaces(7): the kernel takes 340 lines for each kind.
    for option in ranges.take(2 * 340) {
        let fields: Vec<_> = option.value.split_ascii_whitespace().collect();
        let numbers: Vec<u64> = fields.iter().skip(1).filter_map(|field| parse_id(field)).collect();
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
