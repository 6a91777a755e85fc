//! What a value may look like, and what to say about one that does not.

mod host;
mod names;
mod network;
pub(crate) mod properties;

pub(crate) use host::parse_id;
pub use host::{format_size, parse_size};
pub(crate) use network::parse_cidr;

use super::OptionDef;
use crate::suggest;
use std::ops::Range;

/// The form of a value.
#[derive(Debug)]
pub enum Format {
    /// `1`, `on`, `yes`, `true`, `0`, `off`, `no`, `false`, in any case.
    Boolean,
    /// Digits, in a range.
    Integer {
        /// Lowest value.
        min: u64,
        /// Highest value.
        max: u64,
    },
    /// Digits with an optional fraction, in a range.
    Number {
        /// Lowest value.
        min: u32,
        /// Highest value.
        max: u32,
    },
    /// One of some words.
    Enum(&'static [&'static str]),
    /// Some of some words, separated by `;`, or by `,` or a space where the value stands alone.
    List(&'static [&'static str]),
    /// Any text up to a number of bytes.
    Text {
        /// The most bytes.
        max: usize,
    },
    /// A text that must match nothing but have no control characters other than a tab.
    CommandLine,
    /// `NAME=value`.
    Environment,
    /// A DNS name of at most 255 bytes.
    DnsName,
    /// DNS names, separated by spaces, `,` or `;`.
    DnsNameList,
    /// IP addresses, separated by spaces, `,` or `;`; IPv6 ones may have a `%interface`.
    IpList,
    /// `host`, `UTC` or a name from the time zone database.
    TimeZone,
    /// Tags, separated by `;`, `,` or spaces.
    Tags,
    /// A volume id, an absolute path, or a device.
    Volume,
    /// `storage:name`.
    VolumeId,
    /// A storage's name.
    StorageId,
    /// Names of storages, nodes or users, separated by `,`, `;` or spaces.
    NameList,
    /// A path inside a container.
    MountTarget,
    /// An absolute path on the host.
    AbsolutePath,
    /// A size such as `8G`.
    DiskSize,
    /// `passthrough` or a list of `u|g:inside:on disk:count`.
    VolumeIdmap,
    /// The name of a network interface.
    InterfaceName,
    /// The name of a bridge.
    Bridge,
    /// A unicast MAC address.
    MacAddress,
    /// The beginning of a MAC address.
    MacPrefix,
    /// An address with prefix length, or one of the words for automatic configuration.
    IpConfig {
        /// IPv6 instead of IPv4.
        v6: bool,
    },
    /// An address without prefix length.
    IpAddress {
        /// IPv6 instead of IPv4.
        v6: bool,
    },
    /// A network, `address/prefix`.
    Network,
    /// A host name or IP address.
    Host,
    /// VLAN ids, separated by `;`.
    VlanList,
    /// A path below `/dev`.
    DevicePath,
    /// A file mode, four octal digits.
    Mode,
    /// The name of a snapshot.
    SnapshotName,
    /// Keys of options, separated by `,`, each with `!` before it if forced.
    KeyList,
    /// File system types, separated by `;`.
    FileSystemList,
    /// `u|g inside outside count`.
    LxcIdmap,
    /// A signal's name or number.
    Signal,
    /// Capabilities without `CAP_`, separated by spaces.
    Capabilities,
    /// A property string.
    Properties(&'static [OptionDef]),
}

/// The most problems that are told of one value, so that hostile input costs bounded time and memory.
pub(crate) const PROBLEMS_MAX: usize = 64;

/// The longest property string, in bytes: taking one apart costs a hundred times its length in memory.
pub(crate) const PROPERTIES_MAX: usize = 65_536;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueProblem {
    /// The rule, in kebab case.
    pub code: &'static str,
    /// Bytes of the value.
    pub span: Range<usize>,
    /// The sub-option, if the value is a property string.
    pub property: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl ValueProblem {
    pub(super) fn new(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            span,
            property: None,
            message: message.into(),
            label: String::new(),
            help: None,
        }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn at(mut self, offset: usize) -> Self {
        self.span = self.span.start + offset..self.span.end + offset;
        self
    }
}

/// `text` as a quotation in a message: short, and without control characters.
pub(crate) fn quote(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// `text` in words for an expected list: "a, b or c".
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [init @ .., last] => {
            let init: Vec<_> = init.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", init.join(", "))
        }
    }
}

/// Reads a boolean as the reference does.
pub fn parse_boolean(value: &str) -> Option<bool> {
    const TRUE: [&str; 4] = ["1", "on", "yes", "true"];
    const FALSE: [&str; 4] = ["0", "off", "no", "false"];
    if TRUE.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return Some(true);
    }
    FALSE.iter().any(|word| value.eq_ignore_ascii_case(word)).then_some(false)
}

/// The parts of a list with the offset of each; separators are the characters for which `separates` is true.
pub(crate) fn parts(
    value: &str,
    separates: impl Fn(char) -> bool,
) -> impl Iterator<Item = (usize, &str)> {
    value
        .split(separates)
        .filter(|part| !part.is_empty())
        .map(|part| (part.as_ptr() as usize - value.as_ptr() as usize, part))
}

fn any_separator(c: char) -> bool {
    matches!(c, ',' | ';' | ' ' | '\t')
}

impl Format {
    /// All that is wrong with `value`. Nothing is allocated for a valid one.
    pub fn problems(&self, value: &str) -> Vec<ValueProblem> {
        if value.is_empty() {
            return vec![self.empty(value)];
        }
        match self {
            Self::Properties(properties) => properties::problems(properties, value, |_, _| {}),
            Self::List(words) => self.each(value, any_separator, |word| words.contains(&word)),
            Self::DnsNameList => self.each(value, any_separator, names::is_dns_name),
            Self::IpList => self.each(value, any_separator, network::is_nameserver),
            Self::Tags => self.each(value, any_separator, names::is_tag),
            Self::NameList => self.each(value, any_separator, names::is_name),
            Self::FileSystemList => {
                self.each(value, |c| matches!(c, ';' | ' '), names::is_file_system)
            }
            Self::VlanList => self.each(value, |c| c == ';', network::is_vlan),
            Self::VolumeIdmap if value != "passthrough" => {
                self.each(value, |c| c == ';', names::is_volume_idmap)
            }
            Self::KeyList if parts(value, any_separator).next().is_none() => {
                vec![self.empty(value)]
            }
            Self::KeyList => names::key_list_problems(value),
            Self::Capabilities => {
                self.each(value, |c: char| c.is_ascii_whitespace(), host::is_capability)
            }
            Self::Integer { min, max } => self.integer(value, *min, *max).into_iter().collect(),
            Self::Number { min, max } => self.number(value, *min, *max).into_iter().collect(),
            _ => self.scalar(value).into_iter().collect(),
        }
    }

    /// Checks each part of a list.
    fn each(
        &self,
        value: &str,
        separates: impl Fn(char) -> bool,
        is_valid: impl Fn(&str) -> bool,
    ) -> Vec<ValueProblem> {
        let mut parts = parts(value, separates).peekable();
        if parts.peek().is_none() {
            return vec![self.empty(value)];
        }
        parts
            .filter(|(_, part)| !is_valid(part))
            .map(|(offset, part)| self.describe(part).at(offset))
            .take(PROBLEMS_MAX)
            .collect()
    }

    /// The problem of a value with nothing in it, or nothing but separators.
    fn empty(&self, value: &str) -> ValueProblem {
        ValueProblem::new("empty-value", 0..value.len(), "the value is empty").label(match self {
            Self::Text { .. } => "expected a text".to_owned(),
            _ => format!("expected {}", self.expected()),
        })
    }

    fn scalar(&self, value: &str) -> Option<ValueProblem> {
        let is_valid = match self {
            Self::Boolean => parse_boolean(value).is_some(),
            Self::Enum(words) => words.contains(&value),
            Self::Text { max } => value.len() <= *max,
            Self::CommandLine => !value.chars().any(|c| c.is_control() && c != '\t'),
            Self::Environment => host::is_environment(value),
            Self::DnsName => names::is_dns_name(value),
            Self::TimeZone => names::is_time_zone(value),
            Self::Volume => return names::volume_problem(self, value),
            Self::VolumeId => names::is_volume_id(value),
            Self::StorageId => names::is_storage_id(value),
            Self::MountTarget => return names::path_problem(self, value),
            Self::AbsolutePath => value.starts_with('/'),
            Self::DiskSize => return host::size_problem(self, value),
            Self::InterfaceName | Self::Bridge => return network::interface_problem(self, value),
            Self::MacAddress => return network::mac_problem(self, value),
            Self::MacPrefix => network::is_mac_prefix(value),
            Self::IpConfig { v6 } => return network::ip_config_problem(self, value, *v6),
            Self::IpAddress { v6 } => return network::ip_address_problem(self, value, *v6),
            Self::Network => network::is_network(value),
            Self::Host => names::is_dns_name(value) || value.parse::<std::net::IpAddr>().is_ok(),
            Self::DevicePath => {
                value.starts_with("/dev/") && value.len() > 5 && names::has_plain_components(value)
            }
            Self::Mode => host::is_mode(value),
            Self::SnapshotName => names::is_snapshot_name(value),
            Self::LxcIdmap => host::is_lxc_idmap(value),
            Self::Signal => host::is_signal(value),
            _ => true,
        };
        (!is_valid).then(|| self.describe(value))
    }

    fn integer(&self, value: &str, min: u64, max: u64) -> Option<ValueProblem> {
        if !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(self.not_a_number(value, "an integer"));
        }
        // Too many digits for 64 bits are out of any range.
        match value.parse::<u64>() {
            Ok(number) if (min..=max).contains(&number) => None,
            // The range as people are told it has no upper end where that is but what fits in 64 bits.
            Ok(number) if number < min => Some(self.out_of_range(value)),
            _ => {
                let problem = self.out_of_range(value);
                Some(problem.label(format!("expected an integer from {min} to {max}")))
            }
        }
    }

    fn number(&self, value: &str, min: u32, max: u32) -> Option<ValueProblem> {
        let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Some(self.not_a_number(value, "a number"));
        }
        match value.parse::<f64>() {
            Ok(number) if number >= f64::from(min) && number <= f64::from(max) => None,
            _ => Some(self.out_of_range(value)),
        }
    }

    fn not_a_number(&self, value: &str, what: &str) -> ValueProblem {
        let negative = value.strip_prefix('-').is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        });
        if negative {
            return self.out_of_range(value);
        }
        ValueProblem::new("not-a-number", 0..value.len(), format!("{} is not {what}", quote(value)))
            .label(format!("expected {}", self.expected()))
    }

    fn out_of_range(&self, value: &str) -> ValueProblem {
        ValueProblem::new(
            "out-of-range",
            0..value.len(),
            format!("{} is out of range", quote(value)),
        )
        .label(format!("expected {}", self.expected()))
    }

    /// The problem of a value that does not match.
    fn describe(&self, value: &str) -> ValueProblem {
        let problem = match self {
            Self::Text { max } => ValueProblem::new(
                "too-long",
                0..value.len(),
                format!("{} bytes are more than {max}", value.len()),
            ),
            Self::Boolean => ValueProblem::new(
                "not-a-boolean",
                0..value.len(),
                format!("{} is not a boolean", quote(value)),
            ),
            Self::Enum(_) | Self::List(_) => ValueProblem::new(
                "unknown-value",
                0..value.len(),
                format!("{} is not a known value", quote(value)),
            ),
            _ => ValueProblem::new(
                "bad-value",
                0..value.len(),
                format!("{} is not valid", quote(value)),
            ),
        };
        let label = match self {
            Self::Enum(words) | Self::List(words) => suggest::closest(value, words.iter().copied())
                .map(|word| format!("did you mean `{word}`?")),
            _ => None,
        };
        let expected = format!("expected {}", self.expected());
        match label {
            Some(label) => problem.label(label).help(expected),
            None => problem.label(expected),
        }
    }

    /// What a valid value is, as the end of the sentence "expected …".
    pub fn expected(&self) -> String {
        match self {
            Self::Boolean => "`0` or `1`".into(),
            Self::Integer { min, max } if *max >= u64::from(u32::MAX) => {
                format!("an integer of at least {min}")
            }
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Enum(words) => one_of(words),
            Self::List(words) => format!("a list of {}", one_of(words)),
            Self::Text { max } => format!("a text of at most {max} bytes"),
            Self::Properties(properties) => properties::expected(properties),
            other => other.expected_text().into(),
        }
    }

    fn expected_text(&self) -> &'static str {
        match self {
            Self::CommandLine => "a command line without control characters",
            Self::Environment => "NAME=value",
            Self::DnsName => {
                "a DNS name: letters, digits and `-` in labels of at most 63, separated by `.`"
            }
            Self::DnsNameList => "a list of DNS names",
            Self::IpList => "a list of IP addresses",
            Self::TimeZone => "`host`, `UTC` or a time zone such as `Europe/Vienna`",
            Self::Tags => "a list of tags of letters, digits, `_`, `+`, `.` and `-`",
            Self::Volume => "a volume (`STORAGE:NAME`), a directory (`/…`) or a device (`/dev/…`)",
            Self::VolumeId => "a volume, `STORAGE:NAME`",
            Self::StorageId => {
                "a storage name: letters, digits, `-`, `_` and `.`, at least two, a letter first"
            }
            Self::NameList => "a list of names",
            Self::MountTarget => "a path inside the container without `.` and `..` components",
            Self::AbsolutePath => "an absolute path",
            Self::DiskSize => "a size: a number with `K`, `M`, `G`, `T` or nothing after it",
            Self::VolumeIdmap => "`passthrough` or a list of `u|g:INSIDE:ON-DISK:COUNT`",
            Self::InterfaceName => "an interface name: 1 to 15 letters, digits, `-`, `_` and `.`",
            Self::Bridge => "a bridge name: 1 to 15 letters, digits, `-`, `_` and `.`",
            Self::MacAddress => "a unicast MAC address, XX:XX:XX:XX:XX:XX",
            Self::MacPrefix => "the beginning of a unicast MAC address, such as `BC:24:11`",
            Self::IpConfig { v6: false } => "an IPv4 address with /8 to /32, `dhcp` or `manual`",
            Self::IpConfig { v6: true } => {
                "an IPv6 address with /8 to /128, `auto`, `dhcp` or `manual`"
            }
            Self::IpAddress { v6: false } => "an IPv4 address",
            Self::IpAddress { v6: true } => "an IPv6 address",
            Self::Network => "a network, `ADDRESS/PREFIX`",
            Self::Host => "a host name or IP address",
            Self::VlanList => "VLAN ids from 1 to 4094, separated by `;`",
            Self::DevicePath => "a path below `/dev/` without `.` and `..` components",
            Self::Mode => "a mode of four octal digits, the first of them 0, such as `0660`",
            Self::SnapshotName => {
                "a snapshot name: 2 to 40 letters, digits, `_` and `-`, a letter first"
            }
            Self::KeyList => "a list of option names, each with `!` before it if forced",
            Self::FileSystemList => "file system types, separated by `;`",
            Self::LxcIdmap => "`u` or `g`, id inside, id outside and count",
            Self::Signal => "a signal such as `SIGPWR`, `SIGRTMIN+3` or `30`",
            Self::Capabilities => "capabilities such as `sys_module`, or `none`",
            _ => "a value",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(format: &Format, value: &str) -> Vec<&'static str> {
        format.problems(value).into_iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn integers_are_digits_in_a_range() {
        let format = Format::Integer { min: 16, max: 100 };
        assert_eq!(codes(&format, "16"), [""; 0]);
        assert_eq!(codes(&format, "0016"), [""; 0]);
        assert_eq!(codes(&format, "15"), ["out-of-range"]);
        assert_eq!(codes(&format, "101"), ["out-of-range"]);
        assert_eq!(codes(&format, "-1"), ["out-of-range"]);
        assert_eq!(codes(&format, "99999999999999999999999"), ["out-of-range"]);
        assert_eq!(codes(&format, "1.5"), ["not-a-number"]);
        assert_eq!(codes(&format, "+20"), ["not-a-number"]);
        assert_eq!(codes(&format, ""), ["empty-value"]);
        assert_eq!(codes(&format, "２０"), ["not-a-number"]);
    }

    #[test]
    fn numbers_have_an_optional_fraction() {
        let format = Format::Number { min: 0, max: 128 };
        for valid in ["0", "1.5", "128", "0.25"] {
            assert_eq!(codes(&format, valid), [""; 0], "{valid}");
        }
        for wrong in [".5", "1.", "1e3", "inf", "NaN", "+1"] {
            assert_eq!(codes(&format, wrong), ["not-a-number"], "{wrong}");
        }
        assert_eq!(codes(&format, "128.1"), ["out-of-range"]);
        assert_eq!(codes(&format, "-1.5"), ["out-of-range"]);
    }

    #[test]
    fn a_list_names_the_part_that_is_wrong() {
        let format = Format::List(&["noatime", "nodev"]);
        let problems = format.problems("noatime;nodve");
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].span, 8..13);
        assert_eq!(problems[0].label, "did you mean `nodev`?");
    }

    #[test]
    fn booleans_are_those_of_the_reference() {
        for valid in ["1", "On", "YES", "true", "0", "off", "no", "False"] {
            assert_eq!(codes(&Format::Boolean, valid), [""; 0]);
        }
        assert_eq!(codes(&Format::Boolean, "2"), ["not-a-boolean"]);
    }
}
