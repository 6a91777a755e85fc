//! The `lxc.*` keys that the reference accepts, their old names, and those that are refused.

use super::HotPlug::{Live, NextStart, Recorded};
use super::{Format, HotPlug};

/// One `lxc.*` key, or a family of them.
#[derive(Debug)]
pub struct LxcKey {
    /// The key; one that ends in `.` stands for all keys that begin with it.
    pub name: &'static str,
    /// What its value looks like.
    pub format: Format,
    /// Whether an empty value is meant (it resets what came before).
    pub may_be_empty: bool,
    /// The option that says the same, if there is one.
    pub option: Option<&'static str>,
    /// When a change reaches a running container.
    pub hotplug: HotPlug,
    /// What it does, in one line.
    pub help: &'static str,
}

/// An old name of an `lxc.*` key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LxcAlias {
    /// The name of LXC 1 and 2.
    pub old: &'static str,
    /// The name since LXC 3.
    pub new: &'static str,
}

const ANY: Format = Format::Text { max: 65_536 };
const NUMBER: Format = Format::Integer { min: 0, max: u64::MAX };
const FLAG: Format = Format::Enum(&["0", "1"]);

const fn key(name: &'static str, format: Format, help: &'static str) -> LxcKey {
    LxcKey { name, format, may_be_empty: false, option: None, hotplug: NextStart, help }
}

const fn list(name: &'static str, format: Format, help: &'static str) -> LxcKey {
    LxcKey { may_be_empty: true, ..key(name, format, help) }
}

const fn replaced_by(option: &'static str, key: LxcKey) -> LxcKey {
    LxcKey { option: Some(option), ..key }
}

const fn live(key: LxcKey) -> LxcKey {
    LxcKey { hotplug: Live, ..key }
}

const fn recorded(key: LxcKey) -> LxcKey {
    LxcKey { hotplug: Recorded, ..key }
}

/// Every accepted `lxc.*` key under its present name.
pub static LXC_KEYS: &[LxcKey] = &[
    key("lxc.apparmor.profile", ANY, "AppArmor profile, `generated`, `unchanged` or `unconfined`"),
    key(
        "lxc.apparmor.allow_incomplete",
        FLAG,
        "Start although AppArmor cannot confine all that it should",
    ),
    replaced_by(
        "features",
        key("lxc.apparmor.allow_nesting", FLAG, "Let the AppArmor profile allow containers inside"),
    ),
    list("lxc.apparmor.raw", ANY, "A line to add to the generated AppArmor profile"),
    key("lxc.selinux.context", ANY, "SELinux context"),
    key("lxc.include", ANY, "Another file, or a directory of files, to read"),
    replaced_by("arch", key("lxc.arch", ANY, "Architecture, as uname -m shows it inside")),
    replaced_by("hostname", key("lxc.uts.name", Format::DnsName, "Host name")),
    key("lxc.signal.halt", Format::Signal, "Signal that asks init to halt"),
    key("lxc.signal.reboot", Format::Signal, "Signal that asks init to reboot"),
    key("lxc.signal.stop", Format::Signal, "Signal that ends the container at once"),
    replaced_by("entrypoint", key("lxc.init.cmd", ANY, "Command to run as init")),
    key("lxc.init.cwd", Format::AbsolutePath, "Working directory of init"),
    key("lxc.init.uid", NUMBER, "User id of init"),
    key("lxc.init.gid", NUMBER, "Group id of init"),
    list("lxc.init.groups", ANY, "Supplementary group ids of init, separated by `,`"),
    key("lxc.pty.max", NUMBER, "Number of pseudo terminals that can be made inside"),
    key(
        "lxc.console.logfile",
        Format::AbsolutePath,
        "File on the host that takes what the console prints",
    ),
    key("lxc.console.path", ANY, "Device on the host to use as console, or `none`"),
    replaced_by("tty", key("lxc.tty.max", Format::Integer { min: 0, max: 6 }, "Number of ttys")),
    list("lxc.tty.dir", ANY, "Directory below /dev in which the ttys are made"),
    list("lxc.hook.pre-start", ANY, "Program to run on the host before the start"),
    list(
        "lxc.hook.pre-mount",
        ANY,
        "Program to run in the container's mount namespace before mounting",
    ),
    list("lxc.hook.mount", ANY, "Program to run in the container's mount namespace after mounting"),
    list(
        "lxc.hook.autodev",
        ANY,
        "Program to run in the container's mount namespace after /dev is set up",
    ),
    list("lxc.hook.start", ANY, "Program of the container to run just before init"),
    list(
        "lxc.hook.stop",
        ANY,
        "Program to run on the host when the container stops, with its namespaces open",
    ),
    list("lxc.hook.post-stop", ANY, "Program to run on the host after the stop"),
    list("lxc.hook.clone", ANY, "Program to run on the host when the container is cloned"),
    list("lxc.hook.destroy", ANY, "Program to run on the host when the container is destroyed"),
    key("lxc.hook.version", FLAG, "How hooks are told: 0 by arguments, 1 by environment variables"),
    key("lxc.autodev", FLAG, "Make a small /dev"),
    key("lxc.kmsg", FLAG, "Make /dev/kmsg a link to /dev/console"),
    key("lxc.mount.fstab", Format::AbsolutePath, "File with mounts, in the form of fstab(5)"),
    list("lxc.mount.entry", ANY, "A mount, in the form of fstab(5)"),
    list(
        "lxc.mount.auto",
        ANY,
        "File systems to mount: proc, sys and cgroup, each with :mixed, :ro or :rw",
    ),
    key("lxc.rootfs.mount", Format::AbsolutePath, "Where the root is put together on the host"),
    list("lxc.cap.drop", Format::Capabilities, "Capabilities to take away"),
    list("lxc.cap.keep", Format::Capabilities, "Capabilities to keep; all others are taken away"),
    key("lxc.seccomp.profile", ANY, "File with a seccomp profile"),
    key("lxc.seccomp.notify.proxy", ANY, "Socket that is asked about system calls"),
    key("lxc.seccomp.notify.cookie", ANY, "Text to send with such questions"),
    list("lxc.idmap", Format::LxcIdmap, "Range of user or group ids: `u|g INSIDE OUTSIDE COUNT`"),
    key("lxc.log.level", ANY, "How much to log"),
    key("lxc.log.file", ANY, "File on the host to log to"),
    recorded(replaced_by("onboot", key("lxc.start.auto", FLAG, "Start when the host boots"))),
    recorded(replaced_by(
        "startup",
        key("lxc.start.delay", NUMBER, "Seconds to wait after the start"),
    )),
    recorded(replaced_by("startup", key("lxc.start.order", NUMBER, "Place in the start order"))),
    recorded(list("lxc.group", ANY, "Group that the container belongs to")),
    list("lxc.environment", ANY, "Variable of the environment of init and hooks: `NAME=value`"),
    list("lxc.environment.runtime", Format::Environment, "Variable of the environment of init"),
    list("lxc.environment.hooks", Format::Environment, "Variable of the environment of hooks"),
    key("lxc.sysctl.fs.mqueue.", NUMBER, "Limit of POSIX message queues"),
    key("lxc.sysctl.fs.mqueue", NUMBER, "Limit of POSIX message queues"),
    key("lxc.sysctl.kernel.msgmax", NUMBER, "Largest System V message, in bytes"),
    key("lxc.sysctl.kernel.msgmnb", NUMBER, "Largest System V message queue, in bytes"),
    key("lxc.sysctl.kernel.msgmni", NUMBER, "Number of System V message queues"),
    key("lxc.sysctl.kernel.sem", ANY, "System V semaphore limits"),
    key("lxc.sysctl.kernel.shmall", NUMBER, "System V shared memory, in pages"),
    key("lxc.sysctl.kernel.shmmax", NUMBER, "Largest System V shared memory segment, in bytes"),
    key("lxc.sysctl.kernel.shmmni", NUMBER, "Number of System V shared memory segments"),
    key("lxc.sysctl.kernel.shm_rmid_forced", FLAG, "Remove segments that nobody is attached to"),
    live(list("lxc.cgroup2.", ANY, "A file of the container's cgroup and what to write to it")),
    live(list("lxc.cgroup.", ANY, "The same in the v1 hierarchies of a host that has them")),
    live(list("lxc.prlimit.", ANY, "A resource limit of init: `SOFT[:HARD]` or `unlimited`")),
    replaced_by("net0", list("lxc.net.", ANY, "An interface in LXC's own form")),
];

const fn alias(old: &'static str, new: &'static str) -> LxcAlias {
    LxcAlias { old, new }
}

/// The names of LXC 1 and 2 that are still taken, with the present ones.
pub static LXC_ALIASES: &[LxcAlias] = &[
    alias("lxc.aa_profile", "lxc.apparmor.profile"),
    alias("lxc.aa_allow_incomplete", "lxc.apparmor.allow_incomplete"),
    alias("lxc.console", "lxc.console.path"),
    alias("lxc.devttydir", "lxc.tty.dir"),
    alias("lxc.haltsignal", "lxc.signal.halt"),
    alias("lxc.rebootsignal", "lxc.signal.reboot"),
    alias("lxc.stopsignal", "lxc.signal.stop"),
    alias("lxc.id_map", "lxc.idmap"),
    alias("lxc.init_cmd", "lxc.init.cmd"),
    alias("lxc.loglevel", "lxc.log.level"),
    alias("lxc.logfile", "lxc.log.file"),
    alias("lxc.mount", "lxc.mount.fstab"),
    alias("lxc.network.type", "lxc.net.INDEX.type"),
    alias("lxc.network.flags", "lxc.net.INDEX.flags"),
    alias("lxc.network.link", "lxc.net.INDEX.link"),
    alias("lxc.network.mtu", "lxc.net.INDEX.mtu"),
    alias("lxc.network.name", "lxc.net.INDEX.name"),
    alias("lxc.network.hwaddr", "lxc.net.INDEX.hwaddr"),
    alias("lxc.network.ipv4", "lxc.net.INDEX.ipv4.address"),
    alias("lxc.network.ipv4.gateway", "lxc.net.INDEX.ipv4.gateway"),
    alias("lxc.network.ipv6", "lxc.net.INDEX.ipv6.address"),
    alias("lxc.network.ipv6.gateway", "lxc.net.INDEX.ipv6.gateway"),
    alias("lxc.network.script.up", "lxc.net.INDEX.script.up"),
    alias("lxc.network.script.down", "lxc.net.INDEX.script.down"),
    alias("lxc.pts", "lxc.pty.max"),
    alias("lxc.se_context", "lxc.selinux.context"),
    alias("lxc.seccomp", "lxc.seccomp.profile"),
    alias("lxc.tty", "lxc.tty.max"),
    alias("lxc.utsname", "lxc.uts.name"),
    // Not old names: spellings that the reference also takes.
    alias("lxc.devtty.dir", "lxc.tty.dir"),
    alias("lxc.limit.", "lxc.prlimit."),
];

/// Keys of LXC that are refused, with what to write instead.
pub static LXC_REFUSED: &[(&str, &str)] = &[
    ("lxc.rootfs.path", "the root is the volume of the option `rootfs`"),
    ("lxc.rootfs", "the root is the volume of the option `rootfs`"),
    ("lxc.rootfs.options", "mount options belong to the option `rootfs`: `mountoptions=…`, `ro=1`"),
    ("lxc.rootfs.backend", "the kind of the root follows from the option `rootfs`"),
];

/// Finds the key that `name` means, and the alias if it is an old name. Keys are written in lower case.
pub fn find_lxc(name: &str) -> Option<(&'static LxcKey, Option<&'static LxcAlias>)> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    if let Some(key) = find_present(name) {
        return Some((key, None));
    }
    let alias = LXC_ALIASES.iter().find(|alias| is_called(alias.old, name))?;
    let key = LXC_KEYS.iter().find(|key| key.name == alias.new);
    key.or_else(|| find_present(alias.new)).map(|key| (key, Some(alias)))
}

fn find_present(name: &str) -> Option<&'static LxcKey> {
    LXC_KEYS.iter().find(|key| is_called(key.name, name))
}

/// Whether `name` is `key`, or one of the family that a `key` ending in `.` stands for.
fn is_called(key: &str, name: &str) -> bool {
    if key.ends_with('.') { name.len() > key.len() && name.starts_with(key) } else { key == name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_29_old_names_and_each_leads_to_a_key() {
        let old = LXC_ALIASES.iter().take_while(|alias| alias.old != "lxc.devtty.dir").count();
        assert_eq!(old, 29);
        for alias in LXC_ALIASES {
            let name =
                format!("{}{}", alias.old, if alias.old.ends_with('.') { "nofile" } else { "" });
            let (_, found) = find_lxc(&name).unwrap_or_else(|| panic!("{}", alias.old));
            assert_eq!(found, Some(alias));
        }
    }

    #[test]
    fn families_are_found_by_their_beginning() {
        assert_eq!(find_lxc("lxc.cgroup2.memory.max").unwrap().0.name, "lxc.cgroup2.");
        assert_eq!(find_lxc("lxc.net.0.type").unwrap().0.name, "lxc.net.");
        assert!(find_lxc("lxc.rootfs.path").is_none());
        assert!(find_lxc("lxc.bogus").is_none());
        assert!(find_lxc("lxc.init").is_none());
        assert!(find_lxc("lxc.cgroup2.").is_none());
        assert!(find_lxc("lxc.limit.").is_none());
        assert!(find_lxc("lxc.net.0.LINK").is_none());
    }
}
