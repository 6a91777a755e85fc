//! The operating systems that are known, and their versions.

use std::fmt;

/// An operating system as `ostype` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Os {
    /// Debian
    Debian,
    /// Devuan
    Devuan,
    /// Ubuntu
    Ubuntu,
    /// CentOS, RHEL, Rocky, Alma and openEuler
    Centos,
    /// Fedora
    Fedora,
    /// openSUSE and SLES
    Opensuse,
    /// Arch Linux
    Archlinux,
    /// Alpine
    Alpine,
    /// Gentoo
    Gentoo,
    /// NixOS
    Nixos,
    /// Something that is left alone
    Unmanaged,
}

const NAMES: [(Os, &str); 11] = [
    (Os::Debian, "debian"),
    (Os::Devuan, "devuan"),
    (Os::Ubuntu, "ubuntu"),
    (Os::Centos, "centos"),
    (Os::Fedora, "fedora"),
    (Os::Opensuse, "opensuse"),
    (Os::Archlinux, "archlinux"),
    (Os::Alpine, "alpine"),
    (Os::Gentoo, "gentoo"),
    (Os::Nixos, "nixos"),
    (Os::Unmanaged, "unmanaged"),
];

impl Os {
    /// The operating system of a value of `ostype`.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(os, _)| *os)
    }

    /// The operating system of an `ID` of os-release(5).
    pub(crate) fn from_id(id: &str) -> Option<Self> {
        match id {
            "opensuse-leap" | "opensuse-tumbleweed" | "opensuse-slowroll" | "sles" => {
                Some(Self::Opensuse)
            }
            "arch" => Some(Self::Archlinux),
            "rocky" | "almalinux" | "openEuler" => Some(Self::Centos),
            "unmanaged" => None,
            other => Self::from_name(other),
        }
    }

    /// The value of `ostype`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(os, _)| *os == self).map_or("unmanaged", |(_, name)| name)
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A version: `24.04` is 24 and 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number before the dot.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

impl Version {
    /// A version of two numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Reads the version at the beginning of a text.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().ok().map(|n| (n, end))
        };
        let text = text.trim_start();
        let (major, end) = number(text)?;
        let minor = text[end..].strip_prefix('.').and_then(number).map_or(0, |(n, _)| n);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// An operating system with its version, as people write it: `ubuntu 24.04`, `archlinux`.
pub(crate) fn title(os: Os, version: Version) -> String {
    let Version { major, minor } = version;
    match os {
        _ if version == Version::default() => os.to_string(),
        Os::Ubuntu => format!("{os} {major}.{minor:02}"),
        _ if minor == 0 => format!("{os} {major}"),
        _ => format!("{os} {version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_beginning() {
        assert_eq!(Version::parse("24.04.1 LTS"), Some(Version::new(24, 4)));
        assert_eq!(Version::parse("9\n"), Some(Version::new(9, 0)));
        assert_eq!(Version::parse("3.21_alpha2"), Some(Version::new(3, 21)));
        assert_eq!(Version::parse("x"), None);
        assert_eq!(Version::parse("99999999999"), None);
    }

    #[test]
    fn names_go_both_ways() {
        for (os, name) in NAMES {
            assert_eq!(Os::from_name(name), Some(os));
            assert_eq!(os.name(), name);
        }
        assert_eq!(title(Os::Ubuntu, Version::new(24, 4)), "ubuntu 24.04");
        assert_eq!(title(Os::Archlinux, Version::default()), "archlinux");
        assert_eq!(Os::from_id("rocky"), Some(Os::Centos));
        assert_eq!(Os::from_id("unmanaged"), None);
    }
}
