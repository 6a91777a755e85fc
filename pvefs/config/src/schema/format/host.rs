//! Sizes, modes, signals and the forms of `lxc.*` values.

use super::{Format, ValueProblem, quote};

/// `^\d+(\.\d+)?([KMGT](iB)?)?$`, as the reference reads sizes.
fn split_size(value: &str) -> Option<(f64, &str)> {
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let mut halves = number.split('.');
    let is_digits = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let whole = is_digits(halves.next());
    let fraction = halves.next().is_none_or(|part| is_digits(Some(part)));
    (whole && fraction && halves.next().is_none()).then(|| number.parse().ok())?.map(|n| (n, unit))
}

fn unit_factor(unit: &str) -> Option<u64> {
    let letter = unit.strip_suffix("iB").unwrap_or(unit);
    match letter {
        "" if unit.is_empty() => Some(1),
        "K" => Some(1 << 10),
        "M" => Some(1 << 20),
        "G" => Some(1 << 30),
        "T" => Some(1 << 40),
        _ => None,
    }
}

/// Reads a size in bytes.
pub fn parse_size(value: &str) -> Option<u64> {
    let (number, unit) = split_size(value)?;
    let bytes = number * unit_factor(unit)? as f64;
    (bytes < 9_223_372_036_854_775_808.0).then_some(bytes as u64)
}

/// Writes a size in the largest unit that divides it, as the reference does; nothing is `0`.
pub fn format_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    UNITS
        .iter()
        .find(|(factor, _)| bytes > 0 && bytes.is_multiple_of(*factor))
        .map_or_else(|| bytes.to_string(), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

pub(super) fn size_problem(format: &Format, value: &str) -> Option<ValueProblem> {
    if parse_size(value).is_some() {
        return None;
    }
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if split_size(value).is_some() && unit_factor(unit).is_some() {
        return Some(format.out_of_range(value).label("expected less than 2^63 bytes"));
    }
    let problem = format.describe(value);
    let upper = unit.trim_start().to_ascii_uppercase();
    Some(match upper.as_bytes() {
        [letter @ (b'K' | b'M' | b'G' | b'T'), b'B' | b'I', ..]
        | [letter @ (b'K' | b'M' | b'G' | b'T')]
            if split_size(value).is_some() =>
        {
            let number = &value[..value.len() - unit.len()];
            problem.help(format!("write {}", quote(&format!("{number}{}", char::from(*letter)))))
        }
        _ => problem,
    })
}

/// Reads a user or group id, or a number of them: digits, without the sign that `parse` would take.
pub(crate) fn parse_id(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<u32>().ok().filter(|_| is_plain).map(u64::from)
}

/// Whether these are the first ids of two ranges and their length, and both ranges end where ids do, below 2^32 - 1.
pub(super) fn are_id_ranges<'v>(fields: impl Iterator<Item = &'v str>) -> bool {
    let numbers: Vec<_> = fields.take(4).map(parse_id).collect();
    let &[Some(inside), Some(outside), Some(count)] = numbers.as_slice() else { return false };
    count > 0 && inside.max(outside) + count <= u64::from(u32::MAX)
}

pub(super) fn is_mode(value: &str) -> bool {
    value.len() == 4 && value.starts_with('0') && value.bytes().all(|b| (b'0'..=b'7').contains(&b))
}

pub(super) fn is_environment(value: &str) -> bool {
    value.split('\0').all(|entry| {
        entry.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    })
}

/// `u|g inside outside count`
pub(super) fn is_lxc_idmap(value: &str) -> bool {
    let mut fields = value.split_ascii_whitespace();
    matches!(fields.next(), Some("u" | "g")) && are_id_ranges(fields)
}

/// signal(7)
pub(super) fn is_signal(value: &str) -> bool {
    const NAMES: [&str; 34] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "KILL", "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CLD", "CONT", "STOP", "TSTP", "TTIN",
        "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "POLL", "PWR", "SYS",
    ];
    if let Some(number) = parse_id(value) {
        return (1..=64).contains(&number);
    }
    let name = value.strip_prefix("SIG").unwrap_or(value);
    let is_offset = |rest: &str, sign: char| {
        rest.is_empty() || rest.strip_prefix(sign).and_then(parse_id).is_some_and(|n| n <= 30)
    };
    NAMES.contains(&name)
        || name.strip_prefix("RTMIN").is_some_and(|rest| is_offset(rest, '+'))
        || name.strip_prefix("RTMAX").is_some_and(|rest| is_offset(rest, '-'))
}

/// capabilities(7), in lower case and without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "audit_control",
    "audit_read",
    "audit_write",
    "block_suspend",
    "bpf",
    "checkpoint_restore",
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "ipc_lock",
    "ipc_owner",
    "kill",
    "lease",
    "linux_immutable",
    "mac_admin",
    "mac_override",
    "mknod",
    "net_admin",
    "net_bind_service",
    "net_broadcast",
    "net_raw",
    "perfmon",
    "setfcap",
    "setgid",
    "setpcap",
    "setuid",
    "sys_admin",
    "sys_boot",
    "sys_chroot",
    "sys_module",
    "sys_nice",
    "sys_pacct",
    "sys_ptrace",
    "sys_rawio",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "syslog",
    "wake_alarm",
];

pub(super) fn is_capability(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let name = lower.strip_prefix("cap_").unwrap_or(&lower);
    name == "none" || CAPABILITIES.contains(&name) || parse_id(name).is_some_and(|n| n <= 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(parse_size("8G"), Some(8 << 30));
        assert_eq!(parse_size("1.5M"), Some(3 << 19));
        assert_eq!(parse_size("4GiB"), Some(4 << 30));
        assert_eq!(parse_size("0"), Some(0));
        for wrong in
            ["8GB", "8g", "G", "-1G", "1.G", ".5G", "1.2.3G", "8 G", "iB", "1iB", "99999999999999T"]
        {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
        assert_eq!(format_size(8 << 30), "8G");
        assert_eq!(format_size(1536 << 20), "1536M");
        assert_eq!(format_size(0), "0");
        assert_eq!(format_size(1025), "1025");
    }

    #[test]
    fn a_wrong_unit_says_the_right_one() {
        let help = |value: &str| Format::DiskSize.problems(value).remove(0).help;
        assert_eq!(help("8GB").unwrap(), "write `8G`");
        assert_eq!(help("8g").unwrap(), "write `8G`");
        assert_eq!(help("8 G").unwrap(), "write `8G`");
        assert_eq!(help("9999999999T"), None);
        assert_eq!(help("big"), None);
    }

    #[test]
    fn signals() {
        for valid in ["SIGPWR", "PWR", "30", "SIGRTMIN+3", "RTMAX-1", "SIGRTMIN"] {
            assert!(is_signal(valid), "{valid}");
        }
        for wrong in ["SIGFOO", "0", "65", "SIGRTMIN-3", "SIGRTMIN+99", "SIGRTMIN++3", "+5", ""] {
            assert!(!is_signal(wrong), "{wrong}");
        }
    }

    #[test]
    fn modes() {
        assert!(is_mode("0660"));
        for wrong in ["660", "1660", "0688", "00660"] {
            assert!(!is_mode(wrong), "{wrong}");
        }
    }
}
