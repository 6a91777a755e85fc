//! Valid configurations with few names, so that two of them often collide.

use proptest::prelude::*;
use std::collections::BTreeSet;

/// Choices from a tape of numbers, which proptest knows how to make simpler.
pub(super) struct Choices<'t>(std::slice::Iter<'t, u16>);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % limit
    }

    /// Zeros, which simpler tapes are full of, leave things out.
    fn maybe(&mut self) -> bool {
        self.below(3) == 2
    }

    fn pick(&mut self, all: &[&'static str]) -> &'static str {
        all[self.below(all.len())]
    }

    /// One that was not taken before; `None` if all were.
    fn other(
        &mut self,
        all: &[&'static str],
        taken: &mut BTreeSet<&'static str>,
    ) -> Option<&'static str> {
        let free: Vec<_> = all.iter().copied().filter(|name| !taken.contains(name)).collect();
        let name = (!free.is_empty()).then(|| self.pick(&free))?;
        taken.insert(name);
        Some(name)
    }
}

const PLAIN: &[(&str, &[&str])] = &[
    ("memory", &["64", "128", "1000"]),
    ("swap", &["0", "64", "2000"]),
    ("cpulimit", &["0", "1.5", "2"]),
    ("cpuunits", &["0", "100", "1024"]),
    ("cores", &["1", "2"]),
    ("hostname", &["a", "b.c"]),
    ("nameserver", &["1.1.1.1", "1.1.1.1 fd00::9"]),
    ("searchdomain", &["a.b", "c.d"]),
    ("timezone", &["UTC", "host"]),
    ("tty", &["0", "2", "6"]),
    ("arch", &["amd64", "i386"]),
    ("onboot", &["1", "0"]),
    ("tags", &["a;b", "c"]),
    ("features", &["nesting=1", "fuse=1"]),
    ("lxc.cgroup2.memory.max", &["5", "6"]),
    ("lxc.cgroup2.memory.swap.max", &["7"]),
    ("lxc.cgroup2.cpu.max", &["8"]),
    ("lxc.cgroup2.cpuset.cpus", &["0"]),
    ("lxc.cgroup2.pids.max", &["9", "10"]),
    ("lxc.cgroup2.devices.allow", &["c 1:3 rwm", "b 7:0 r"]),
    ("lxc.prlimit.nofile", &["5", "6:7"]),
    ("lxc.cap.drop", &["sys_time"]),
];

const VOLUMES: &[&str] = &["l1:a", "l1:b", "l1:c", "/srv/a", "/srv/b", "/dev/x"];
const TARGETS: &[&str] = &["/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/e", "/e/f/g"];
const SIZES: &[&str] = &["", ",size=1G", ",size=2G", ",size=3G"];
const FLAGS: &[&str] =
    &["", ",ro=1", ",mountoptions=nodev", ",acl=1", ",quota=1", ",backup=1", ",keepattrs=1"];
const MACS: &[&str] = &["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"];
const NAMES: &[&str] = &["eth0", "eth1", "eth2"];
const ADDRESSES: &[&str] = &["10.0.0.2/24", "10.0.0.3/24", "10.1.0.2/16", "dhcp", "manual"];
const ADDRESSES6: &[&str] = &["fd00::2/64", "fd00::2/48", "fd01::2/64", "auto"];

fn mounts(choices: &mut Choices<'_>, lines: &mut Vec<String>) {
    let (mut volumes, mut targets) = (BTreeSet::new(), BTreeSet::new());
    if let (true, Some(root)) = (choices.maybe(), choices.other(&VOLUMES[..3], &mut volumes)) {
        let (size, flags) = (choices.pick(SIZES), choices.pick(&FLAGS[..5]));
        lines.push(format!("rootfs: {root}{size}{flags}"));
    }
    for index in [0, 1, 2, 7] {
        if !choices.maybe() {
            continue;
        }
        let volume = choices.other(VOLUMES, &mut volumes);
        let target = choices.other(TARGETS, &mut targets);
        if let (Some(volume), Some(target)) = (volume, target) {
            let (size, flags) = (choices.pick(SIZES), choices.pick(FLAGS));
            lines.push(format!("mp{index}: {volume},mp={target}{size}{flags}"));
        }
    }
}

fn nets(choices: &mut Choices<'_>, lines: &mut Vec<String>) {
    let (mut names, mut macs, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut has_gateway, mut has_gateway6) = (false, false);
    for index in 0..3 {
        let Some(name) = choices.other(NAMES, &mut names).filter(|_| choices.maybe()) else {
            continue;
        };
        let mut line = format!("net{index}: name={name}");
        if let Some(mac) = choices.other(MACS, &mut macs).filter(|_| choices.maybe()) {
            line += &format!(",hwaddr={mac}");
        }
        line += choices.pick(&["", ",bridge=b", ",bridge=c"]);
        line += choices.pick(&["", "", ",tag=3", ",trunks=4;5", ",link_down=1", ",firewall=1"]);
        line += choices.pick(&["", "", ",mtu=1400", ",mtu=9000"]);
        line += choices.pick(&["", "", ",rate=1", ",rate=2.5"]);
        if let Some(ip) = choices.other(ADDRESSES, &mut used).filter(|_| choices.maybe()) {
            line += &format!(",ip={ip}");
            if !has_gateway && choices.maybe() {
                has_gateway = ip.contains('/');
                line += choices.pick(&[",gw=10.0.0.1", ",gw=10.9.9.9"]);
            }
        }
        if let Some(ip) = choices.other(ADDRESSES6, &mut used).filter(|_| choices.maybe()) {
            line += &format!(",ip6={ip}");
            if !has_gateway6 && choices.maybe() {
                has_gateway6 = ip.contains('/');
                line += ",gw6=fd00::1";
            }
        }
        // The host does not do router advertisements.
        if !line.contains("ip6=auto") {
            line += choices.pick(&["", "", ",host-managed=1"]);
        }
        lines.push(line);
    }
}

fn devices(choices: &mut Choices<'_>, lines: &mut Vec<String>) {
    let mut paths = BTreeSet::new();
    for index in 0..3 {
        let Some(path) = choices.other(&["/dev/a", "/dev/b", "/dev/c"], &mut paths) else { break };
        if choices.maybe() {
            let more = choices.pick(&["", ",mode=0600", ",uid=5", ",deny-write=1"]);
            lines.push(format!("dev{index}: {path}{more}"));
        }
    }
}

fn text(tape: &[u16]) -> String {
    let mut choices = Choices(tape.iter());
    let mut lines = Vec::new();
    mounts(&mut choices, &mut lines);
    nets(&mut choices, &mut lines);
    devices(&mut choices, &mut lines);
    for (key, values) in PLAIN {
        if choices.maybe() {
            lines.push(format!("{key}: {}", choices.pick(values)));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A valid configuration.
pub(super) fn document() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u16>(), 0..140).prop_map(|tape| text(&tape))
}

/// Two valid configurations. The second often begins as the first, so that some of it is the same.
pub(super) fn pair() -> impl Strategy<Value = (String, String)> {
    let tape = || prop::collection::vec(any::<u16>(), 0..140);
    (tape(), tape(), 0..140_usize).prop_map(|(one, mut two, at)| {
        let at = at.min(one.len()).min(two.len());
        two[..at].copy_from_slice(&one[..at]);
        (text(&one), text(&two))
    })
}
