//! Which operating system, and which version of it, a guest is.

use crate::arch;
use crate::os::{Os, Version, title};
use crate::root::{self, Root};
use crate::text::shell_value;

/// A guest that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root cannot be read.
    #[error(transparent)]
    Root(#[from] root::Error),
    /// Nothing known.
    #[error(
        "unable to detect the distribution of the guest: os-release names {0:?}; `ostype: unmanaged` leaves a guest alone"
    )]
    Unknown(String),
    /// Its version cannot be told.
    #[error("cannot tell the version of {os} in the guest: {file} holds {found:?}")]
    NoVersion {
        /// Which operating system.
        os: Os,
        /// Where its version should be.
        file: &'static str,
        /// What is there.
        found: String,
    },
    /// Too old.
    #[error("{found} is not supported: {oldest} is the oldest version that is")]
    TooOld {
        /// Which operating system and version.
        found: String,
        /// The oldest that can be set up.
        oldest: &'static str,
    },
}

/// What a guest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// Its operating system.
    pub os: Os,
    /// Its version; 0.0 where it does not matter.
    pub version: Version,
    /// openEuler, which `ostype` has no name for.
    pub(crate) openeuler: bool,
    /// The architecture of its programs, if it can be told.
    pub arch: Option<&'static str>,
}

impl std::fmt::Display for Detected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&title(self.os, self.version))
    }
}

/// Newest version of each that was known when this was written. Later ones are set up like it.
const NEWEST_DEBIAN: u32 = 14;
const NEWEST_UBUNTU: Version = Version::new(26, 10);

/// Looks at a guest. What is odd but can be worked with becomes a warning of the root.
pub fn detect(root: &mut Root) -> Result<Detected, Error> {
    let mut release = root.text("etc/os-release")?;
    if release.is_none() {
        release = root.text("usr/lib/os-release")?;
    }
    let id = release.as_deref().and_then(|text| shell_value(text, "ID")).unwrap_or_default();
    let by_id = Os::from_id(&id);
    let os = match by_id {
        Some(os) => os,
        None => match by_files(root)? {
            Some(os) => os,
            None if release.is_some() => return Err(Error::Unknown(id)),
            None => {
                root.warn("the guest has none of the files that tell a distribution: left alone");
                Os::Unmanaged
            }
        },
    };
    let release = release.unwrap_or_default();
    let openeuler = id == "openEuler"
        || (by_id.is_none() && os == Os::Centos && root.is_file("etc/openEuler-release"));
    let version = match os {
        _ if openeuler => openeuler_version(root, &release)?,
        Os::Debian => debian(root)?,
        Os::Devuan => devuan(root)?,
        Os::Ubuntu => ubuntu(root, &release)?,
        Os::Centos => redhat(root, &release)?,
        Os::Fedora => fedora(root, &release)?,
        Os::Opensuse => suse(root, &id, &release)?,
        Os::Alpine => {
            let text = root.text("etc/alpine-release")?.unwrap_or_default();
            // edge without a number is newer than all.
            Version::parse(&text).unwrap_or(Version::new(999, 0))
        }
        Os::Archlinux | Os::Gentoo | Os::Nixos | Os::Unmanaged => Version::default(),
    };
    Ok(Detected { os, version, openeuler, arch: arch::detect(root, os) })
}

fn by_files(root: &Root) -> Result<Option<Os>, root::Error> {
    let lsb = root.text("etc/lsb-release")?.unwrap_or_default();
    if shell_value(&lsb, "DISTRIB_ID").as_deref() == Some("Ubuntu") {
        return Ok(Some(Os::Ubuntu));
    }
    // Devuan has both its own file and Debian's.
    let files = [
        ("etc/devuan_version", Os::Devuan),
        ("etc/debian_version", Os::Debian),
        ("etc/SuSE-brand", Os::Opensuse),
        ("etc/SuSE-release", Os::Opensuse),
        ("etc/fedora-release", Os::Fedora),
        ("etc/centos-release", Os::Centos),
        ("etc/redhat-release", Os::Centos),
        ("etc/arch-release", Os::Archlinux),
        ("etc/alpine-release", Os::Alpine),
        ("etc/gentoo-release", Os::Gentoo),
    ];
    if let Some((_, os)) = files.iter().find(|(file, _)| root.is_file(file)) {
        return Ok(Some(*os));
    }
    if root.is_dir("nix/store") {
        return Ok(Some(Os::Nixos));
    }
    Ok(root.is_file("etc/openEuler-release").then_some(Os::Centos))
}

fn no_version(os: Os, file: &'static str, found: &str) -> Error {
    let found = found.lines().next().unwrap_or("").chars().take(60).collect();
    Error::NoVersion { os, file, found }
}

fn at_least(os: Os, version: Version, oldest: (u32, &'static str)) -> Result<Version, Error> {
    if version.major < oldest.0 {
        return Err(Error::TooOld { found: title(os, version), oldest: oldest.1 });
    }
    Ok(version)
}

fn newer(root: &mut Root, os: Os, name: impl std::fmt::Display, like: impl std::fmt::Display) {
    root.warn(format!("{os} {name} is newer than what is known here: set up like {like}"));
}

fn debian(root: &mut Root) -> Result<Version, Error> {
    let text = root.text("etc/debian_version")?.unwrap_or_default();
    let name = text.trim();
    if let Some(version) = Version::parse(name) {
        if version.major > NEWEST_DEBIAN {
            newer(root, Os::Debian, version, NEWEST_DEBIAN);
        }
        return at_least(Os::Debian, version, (4, "4.0"));
    }
    let code = name.split('/').next().unwrap_or("");
    let major = match code {
        "stretch" => 9,
        "buster" => 10,
        "bullseye" => 11,
        "bookworm" | "kali-rolling" => 12,
        "trixie" => 13,
        "forky" => 14,
        "duke" => 15,
        _ if !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '-') => {
            newer(root, Os::Debian, code, NEWEST_DEBIAN);
            NEWEST_DEBIAN
        }
        _ => return Err(no_version(Os::Debian, "/etc/debian_version", &text)),
    };
    if code == "duke" {
        newer(root, Os::Debian, code, NEWEST_DEBIAN);
    }
    Ok(Version::new(major, 0))
}

fn devuan(root: &mut Root) -> Result<Version, Error> {
    let text = root.text("etc/devuan_version")?.unwrap_or_default();
    let name = text.trim().split('/').next().unwrap_or("").to_owned();
    let names = ["jessie", "ascii", "beowulf", "chimaera", "daedalus", "excalibur"];
    if let Some(at) = names.iter().position(|known| *known == name) {
        return Ok(Version::new(8 + at as u32, 0));
    }
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase()) {
        return Err(no_version(Os::Devuan, "/etc/devuan_version", &text));
    }
    newer(root, Os::Devuan, &name, "excalibur");
    Ok(Version::new(13, 0))
}

fn ubuntu(root: &mut Root, release: &str) -> Result<Version, Error> {
    let lsb = root.text("etc/lsb-release")?.unwrap_or_default();
    let text = shell_value(&lsb, "DISTRIB_RELEASE")
        .or_else(|| shell_value(release, "VERSION_ID"))
        .unwrap_or_default();
    let version =
        Version::parse(&text).ok_or_else(|| no_version(Os::Ubuntu, "/etc/lsb-release", &text))?;
    let known = version >= Version::new(12, 4)
        && version <= NEWEST_UBUNTU
        && matches!(version.minor, 4 | 10);
    if !known && version.major < 17 {
        return Err(Error::TooOld { found: title(Os::Ubuntu, version), oldest: "12.04" });
    }
    if !known {
        newer(root, Os::Ubuntu, &text, "26.10");
    }
    Ok(version)
}

/// The version in a line like `CentOS Linux release 7.9.2009 (Core)`, else of os-release.
fn after_release(text: &str, release: &str) -> Option<Version> {
    let line = text.split_once(" release ").and_then(|(_, rest)| Version::parse(rest));
    line.or_else(|| Version::parse(&shell_value(release, "VERSION_ID")?))
}

fn redhat(root: &mut Root, release: &str) -> Result<Version, Error> {
    let mut text = root.text("etc/redhat-release")?;
    if text.is_none() {
        text = root.text("etc/centos-release")?;
    }
    let text = text.unwrap_or_default();
    let version = after_release(&text, release)
        .ok_or_else(|| no_version(Os::Centos, "/etc/redhat-release", &text))?;
    if version.major >= 11 {
        newer(root, Os::Centos, version, 10);
    }
    at_least(Os::Centos, version, (5, "5"))
}

fn fedora(root: &Root, release: &str) -> Result<Version, Error> {
    let text = root.text("etc/fedora-release")?.unwrap_or_default();
    let version = after_release(&text, release)
        .ok_or_else(|| no_version(Os::Fedora, "/etc/fedora-release", &text))?;
    at_least(Os::Fedora, version, (22, "22"))
}

fn openeuler_version(root: &Root, release: &str) -> Result<Version, Error> {
    let text = root.text("etc/openEuler-release")?.unwrap_or_default();
    let version = after_release(&text, release)
        .ok_or_else(|| no_version(Os::Centos, "/etc/openEuler-release", &text))?;
    at_least(Os::Centos, version, (24, "openEuler 24"))
}

fn suse(root: &mut Root, id: &str, release: &str) -> Result<Version, Error> {
    let mut text = shell_value(release, "VERSION_ID").unwrap_or_default();
    for file in ["etc/SuSE-release", "etc/SuSE-brand"] {
        if text.is_empty() {
            let old = root.text(file)?.unwrap_or_default();
            let value = old.lines().find_map(|line| line.strip_prefix("VERSION"));
            text = value.unwrap_or("").trim_start_matches([' ', '=']).to_owned();
        }
    }
    let version =
        Version::parse(&text).ok_or_else(|| no_version(Os::Opensuse, "/etc/os-release", &text))?;
    let fine = match version.major {
        12 => id == "sles",
        13 => version.minor <= 2,
        15..=41 => true,
        // Leap 42, and Tumbleweed, whose version is a date.
        major => major >= 42 && !(1_000_000..20_170_000).contains(&major),
    };
    if !fine {
        return Err(Error::TooOld { found: title(Os::Opensuse, version), oldest: "13.0" });
    }
    if (17..42).contains(&version.major) {
        newer(root, Os::Opensuse, &text, 16);
    }
    Ok(version)
}
