//! Names, paths and volume identifiers.

use super::host::are_id_ranges;
use super::{Format, PROBLEMS_MAX, ValueProblem, any_separator, parts, quote};
use crate::schema::{KeyProblem, OPTIONS, find_option};
use crate::suggest;

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 63
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// RFC 1123: labels of at most 63 bytes, 255 in all.
pub(super) fn is_dns_name(name: &str) -> bool {
    name.len() <= 255 && name.split('.').all(is_label)
}

pub(super) fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_+.-".contains(&byte))
}

pub(super) fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
}

pub(super) fn is_file_system(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn is_snapshot_name(name: &str) -> bool {
    (2..=40).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphabetic()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

pub(super) fn is_time_zone(zone: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.as_bytes()[0].is_ascii_alphanumeric()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    zone == "host" || zone == "UTC" || (zone.contains('/') && zone.split('/').all(is_part))
}

pub(super) fn is_storage_id(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() >= 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

pub(super) fn is_volume_id(value: &str) -> bool {
    value.split_once(':').is_some_and(|(storage, name)| is_storage_id(storage) && !name.is_empty())
}

/// No `.` or `..` component and no control character.
pub(super) fn has_plain_components(path: &str) -> bool {
    path.split('/').all(|part| part != "." && part != "..") && !path.chars().any(char::is_control)
}

pub(super) fn path_problem(format: &Format, value: &str) -> Option<ValueProblem> {
    (!has_plain_components(value)).then(|| format.describe(value))
}

pub(super) fn volume_problem(format: &Format, value: &str) -> Option<ValueProblem> {
    let is_valid = has_plain_components(value) && (value.starts_with('/') || is_volume_id(value));
    if is_valid {
        return None;
    }
    let problem = format.describe(value);
    Some(match value.split_once(':') {
        None if !value.starts_with('/') && value.contains('/') => problem
            .help(format!("a directory is an absolute path: {}", quote(&format!("/{value}")))),
        Some((storage, _)) if !is_storage_id(storage) => {
            problem.help(format!("{} is not {}", quote(storage), Format::StorageId.expected()))
        }
        _ => problem,
    })
}

/// `u|g:inside:on disk:count`
pub(super) fn is_volume_idmap(entry: &str) -> bool {
    let mut fields = entry.split(':');
    matches!(fields.next(), Some("u" | "g")) && are_id_ranges(fields)
}

pub(super) fn key_list_problems(value: &str) -> Vec<ValueProblem> {
    parts(value, any_separator)
        .filter_map(|(offset, part)| {
            let key = part.strip_prefix('!').unwrap_or(part);
            let problem = find_option(key).err()?;
            let problem_text = match problem {
                KeyProblem::Unknown => format!("{} is not an option", quote(key)),
                KeyProblem::IndexOutOfRange { name, last }
                | KeyProblem::BadIndex { name, last } => {
                    format!("{} is not one of `{name}0` to `{name}{last}`", quote(key))
                }
            };
            let meant = suggest::closest(key, OPTIONS.iter().map(|option| option.name));
            Some(
                ValueProblem::new("unknown-option", offset..offset + part.len(), problem_text)
                    .label(meant.map_or_else(
                        || format!("expected {}", Format::KeyList.expected()),
                        |word| format!("did you mean `{word}`?"),
                    )),
            )
        })
        .take(PROBLEMS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names() {
        for valid in ["www", "a.b-c.de", "9lives", "WWW.Example.com"] {
            assert!(is_dns_name(valid), "{valid}");
        }
        let long = "a".repeat(64);
        for wrong in ["-a", "a-", "a..b", "a_b", ".a", "a.", "höst", &long] {
            assert!(!is_dns_name(wrong), "{wrong}");
        }
        assert!(!is_dns_name(&"abc.".repeat(64)));
    }

    #[test]
    fn volumes_are_ids_directories_or_devices() {
        let problem = |value| volume_problem(&Format::Volume, value);
        for valid in
            ["local:107/vm-107-disk-1.raw", "thin1:base-100-disk-1", "/srv/data", "/dev/sdb1"]
        {
            assert_eq!(problem(valid), None, "{valid}");
        }
        for wrong in ["local", "srv/data", "l:x", "local:", "/srv/../etc", "/srv/./x", "9a:x"] {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
        assert_eq!(
            problem("srv/data").unwrap().help.unwrap(),
            "a directory is an absolute path: `/srv/data`"
        );
    }

    #[test]
    fn time_zones() {
        for valid in ["host", "UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires", "Etc/GMT+1"]
        {
            assert!(is_time_zone(valid), "{valid}");
        }
        for wrong in ["Vienna", "/etc/passwd", "Europe/", "../x", "Europe/../x"] {
            assert!(!is_time_zone(wrong), "{wrong}");
        }
    }

    #[test]
    fn id_maps_of_volumes() {
        assert!(is_volume_idmap("u:0:100000:65536"));
        for wrong in [
            "x:0:0:1",
            "u:0:0",
            "u:0:0:0",
            "u:-1:0:1",
            "u:0:0:1:2",
            "u:0:0:9999999999",
            "u:+0:0:1",
            "u:0:4294967295:1",
        ] {
            assert!(!is_volume_idmap(wrong), "{wrong}");
        }
    }
}
