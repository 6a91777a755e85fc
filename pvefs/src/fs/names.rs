//! What a name says about a file.

use pvefs_store::TreePath;
use std::fmt;

/// The kinds of guest that have a directory under `nodes/<node>/`.
pub(crate) const GUEST_DIRS: [&str; 3] = ["lxc", "qemu-server", "openvz"];

/// A guest's configuration, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPath {
    /// The guest's number.
    pub id: u32,
    /// The node that owns it.
    pub node: Box<str>,
    /// `lxc`, `qemu` or `openvz`, as `.vmlist` says it.
    pub kind: &'static str,
}

impl GuestPath {
    /// Takes `nodes/<node>/(lxc|qemu-server|openvz)/<n>.conf`. `0100.conf` and `100.conf.tmp` are plain files.
    pub fn parse(path: &TreePath) -> Option<Self> {
        let mut parts = path.components();
        let (nodes, node, dir, file) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if nodes != "nodes" || parts.next().is_some() {
            return None;
        }
        let kind = match dir {
            "lxc" => "lxc",
            "qemu-server" => "qemu",
            "openvz" => "openvz",
            _ => return None,
        };
        let digits = file.strip_suffix(".conf")?;
        if digits.is_empty()
            || digits.starts_with('0')
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        Some(Self { id: digits.parse().ok()?, node: node.into(), kind })
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on node {}", self.kind, self.node)
    }
}

/// Whether a path lies under `priv/` or `nodes/*/priv/`: 0700 and 0600 there.
pub fn is_private(path: &TreePath) -> bool {
    let mut parts = path.components();
    match parts.next() {
        Some("priv") => true,
        Some("nodes") => parts.nth(1) == Some("priv"),
        _ => false,
    }
}

/// Whether a path is a lock: a directory in `priv/lock/`.
pub fn is_lock(path: &TreePath) -> bool {
    let mut parts = path.components();
    parts.next() == Some("priv")
        && parts.next() == Some("lock")
        && parts.next().is_some()
        && parts.next().is_none()
}

/// Whether programs make files of this name only while they save another: such files are kept in memory.
///
/// The names are those of `reference/saving.md`, fact 10. A name that a person may choose for a copy to keep must not
/// match: a file that is stored without need costs a write, one that is not stored is lost with the daemon.
pub fn is_temporary(name: &str) -> bool {
    let alnum = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    // vim probes with 4913 and, if that exists, with numbers 123 apart.
    if (4..=5).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    if name.ends_with('~') || name.starts_with(".#") || name.starts_with(".ansible_tmp") {
        return true;
    }
    if name.len() > 2 && name.starts_with('#') && name.ends_with('#') {
        return true;
    }
    if let Some(rest) = name.strip_prefix('.')
        && let Some((_, end)) = rest.rsplit_once('.')
    {
        // Swap files of vim and nano, temporary files of rsync.
        if (end.len() == 3 && end.starts_with("sw")) || alnum(end, 6) {
            return true;
        }
    }
    if name.strip_prefix("sed").is_some_and(|rest| alnum(rest, 6))
        || name.strip_prefix("XX").is_some_and(|rest| alnum(rest, 8) || alnum(rest, 6))
        || name.strip_prefix("tmp").is_some_and(is_random_tail)
    {
        return true;
    }
    let Some((_, end)) = name.rsplit_once('.') else { return false };
    if end == "tmp" {
        return true;
    }
    if let Some((_, before)) = name.rsplit_once(".tmp.")
        && !before.is_empty()
        && before.bytes().all(|byte| byte.is_ascii_digit())
    {
        return true;
    }
    // augtool's 100.conf.XXXXXX and patch's 100.conf.oXXXXXX.
    is_random(end) || end.strip_prefix('o').is_some_and(is_random)
}

/// mkstemp's six characters. All three classes must occur: `100.conf.backup` or `100.conf.240131` is a copy to keep.
fn is_random(text: &str) -> bool {
    text.len() == 6
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// What Python (`tmpab12_xyz`), emacs (`tmpXXXXXX`) and mktemp (`tmp.XXXXXXXXXX`) put after `tmp`.
fn is_random_tail(text: &str) -> bool {
    let text = text.strip_prefix('.').unwrap_or(text);
    matches!(text.len(), 6 | 8 | 10)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_that_savers_use() {
        for name in [
            "4913",
            "5036",
            ".100.conf.swp",
            ".100.conf.swx",
            "100.conf~",
            "#100.conf#",
            ".#100.conf",
            ".#-emacsa8Xc",
            "tmpk3_x8a1z",
            "tmpAb3dEf",
            "sedaB3dEf",
            "XXa8sdF3kl",
            ".100.conf.aB3dEf",
            "100.conf.aB3dEf",
            "100.conf.oaB3dEf",
            "100.conf.x2k9.tmp",
            ".ansible_tmpx83k100.conf",
            "100.conf.tmp.4711",
        ] {
            assert!(is_temporary(name), "{name}");
        }
    }

    #[test]
    fn keeps_what_a_person_may_want_to_keep() {
        for name in [
            "100.conf",
            "100.conf.bak",
            "100.conf.backup",
            "100.conf.240131",
            "100.conf.orig",
            "100.conf.20240131",
            "storage.cfg",
            "100",
            "123456",
            "tmp",
            "sedation",
            ".hidden",
            ".100.conf.old",
            "100.conf.BACKUP",
            "template.cfg",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }

    #[test]
    fn knows_guests_by_their_path() {
        let guest = |text: &str| GuestPath::parse(&text.parse().unwrap());
        assert_eq!(guest("nodes/a/lxc/100.conf").unwrap().to_string(), "lxc on node a");
        assert_eq!(guest("nodes/a/qemu-server/100.conf").unwrap().kind, "qemu");
        assert_eq!(guest("nodes/a/lxc/99.conf").unwrap().id, 99);
        assert_eq!(guest("nodes/a/lxc/1000000000.conf").unwrap().id, 1_000_000_000);
        for path in [
            "nodes/a/lxc/0100.conf",
            "nodes/a/lxc/100.conf.tmp",
            "nodes/a/lxc/x/100.conf",
            "nodes/a/100.conf",
            "lxc/100.conf",
            "nodes/a/lxc/4294967296.conf",
            "nodes/a/lxc/.conf",
            "nodes/a/lxc/+1.conf",
        ] {
            assert_eq!(guest(path), None, "{path}");
        }
    }

    #[test]
    fn knows_private_places_and_locks() {
        let path = |text: &str| text.parse::<TreePath>().unwrap();
        assert!(is_private(&path("priv")) && is_private(&path("nodes/a/priv/key")));
        assert!(!is_private(&path("private")) && !is_private(&path("nodes/priv/lxc")));
        assert!(is_lock(&path("priv/lock/storage-x")) && !is_lock(&path("priv/lock")));
        assert!(!is_lock(&path("priv/lock/a/b")));
    }
}
