//! Which hierarchies this host has.

use std::path::{Path, PathBuf};

use super::{Error, io, read, write};

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Each hierarchy once.
    pub hierarchies: Vec<Hierarchy>,
}

/// Which interface a hierarchy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy for each set of controllers.
    V1,
    /// The unified one.
    V2,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where.
    pub mount: PathBuf,
    /// Which kind.
    pub version: Version,
    /// Its controllers; a named one of version 1 is `name=...`.
    pub controllers: Vec<String>,
}

/// Controllers by which nothing of a container is limited, so that the guest may have their group whole.
const HARMLESS: [&str; 3] = ["cpuacct", "freezer", "perf_event"];

/// Controllers that we hand down in the unified hierarchy.
const DELEGATED: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];

impl Layout {
    /// Looks at what is mounted.
    pub fn detect() -> Result<Self, Error> {
        let mounts = read(Path::new("/proc/self/mountinfo"))?;
        let own = read(Path::new("/proc/self/cgroup"))?;
        let mut layout = Self::parse(&mounts, &own);
        for hierarchy in &mut layout.hierarchies {
            if hierarchy.version == Version::V2 {
                let list = read(&hierarchy.mount.join("cgroup.controllers"))?;
                hierarchy.controllers = list.split_whitespace().map(str::to_owned).collect();
            }
        }
        if layout.hierarchies.is_empty() {
            return Err(Error::NoCgroups);
        }
        Ok(layout)
    }

    /// `mounts` is mountinfo (proc(5)), `own` tells which controllers version 1 has.
    fn parse(mounts: &str, own: &str) -> Self {
        let known: Vec<&str> =
            own.lines().filter_map(|l| l.split(':').nth(1)).flat_map(|c| c.split(',')).collect();
        let mut hierarchies: Vec<Hierarchy> = Vec::new();
        for line in mounts.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let Some(mount) = left.split(' ').nth(4) else { continue };
            let mut right = right.split(' ');
            let (fstype, options) = (right.next(), right.nth(1).unwrap_or_default());
            let (version, controllers) = match fstype {
                Some("cgroup2") => (Version::V2, Vec::new()),
                Some("cgroup") => {
                    let ours =
                        |o: &&str| !o.is_empty() && (known.contains(o) || o.starts_with("name="));
                    (Version::V1, options.split(',').filter(ours).map(str::to_owned).collect())
                }
                _ => continue,
            };
            let same = |h: &Hierarchy| h.version == version && h.controllers == controllers;
            if !hierarchies.iter().any(same) {
                hierarchies.push(Hierarchy { mount: mount.into(), version, controllers });
            }
        }
        Self { hierarchies }
    }
}

impl Hierarchy {
    /// Whether `controller` is here.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
            // In version 2 devices are a program's business, and freezing is part of the core.
            || (self.version == Version::V2 && controller == "cgroup")
    }

    /// Whether a limit of ours may be set here.
    pub fn limits_something(&self) -> bool {
        let harmless = |c: &String| HARMLESS.contains(&c.as_str()) || c.starts_with("name=");
        self.version == Version::V2 || !self.controllers.iter().all(harmless)
    }

    /// Gives the groups below `path` the controllers that it has itself. Version 1 knows no such thing.
    pub fn delegate(&self, path: &Path) -> Result<(), Error> {
        if self.version == Version::V1 {
            return Ok(());
        }
        let have = read(&path.join("cgroup.controllers"))?;
        let done = read(&path.join("cgroup.subtree_control"))?;
        let missing: Vec<String> = have
            .split_whitespace()
            .filter(|c| DELEGATED.contains(c) && !done.split_whitespace().any(|d| d == *c))
            .map(|c| format!("+{c}"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        write(&path.join("cgroup.subtree_control"), &missing.join(" "))
    }

    /// A new cpuset of version 1 has no processor and takes no process until it is given some.
    pub fn init_cpuset(&self, path: &Path) -> Result<(), Error> {
        if self.version == Version::V2 || !self.has("cpuset") {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(path);
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let ours = path.join(file);
            if read(&ours)?.is_empty() {
                std::fs::copy(parent.join(file), &ours).map_err(io("write", &ours))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_a_hybrid_host() {
        let mounts = "\
25 20 0:22 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
27 25 0:24 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
28 25 0:25 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct
29 25 0:25 / /mnt/again rw shared:12 - cgroup cgroup rw,cpu,cpuacct
30 25 0:26 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
";
        let own = "4:freezer:/\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/";
        let layout = Layout::parse(mounts, own);
        let seen: Vec<_> = layout
            .hierarchies
            .iter()
            .map(|h| (h.version, h.controllers.join(","), h.limits_something()))
            .collect();
        assert_eq!(
            seen,
            [
                (Version::V2, String::new(), true),
                (Version::V1, "name=systemd".into(), false),
                (Version::V1, "cpu,cpuacct".into(), true),
                (Version::V1, "freezer".into(), false),
            ]
        );
    }
}
