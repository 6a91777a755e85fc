//! What comes before what.

use super::*;
use crate::plan::{AddressMove, LimitOrder};

fn shown(applied: &str, wanted: &str) -> Vec<String> {
    words(&plan_of(applied, wanted))
}

fn action(applied: &str, wanted: &str) -> Action {
    let plan = plan_of(applied, wanted);
    assert_eq!(plan.steps.len(), 1, "{plan:?}");
    plan.steps[0].action.clone()
}

#[test]
fn memory_grows_after_swap_and_shrinks_before_it() {
    let set = |memory, swap, order| Action::SetMemory { memory, swap, order };
    let before = "memory: 100\nswap: 50\n";
    for (after, expected) in [
        ("memory: 300\nswap: 10\n", set(300, 10, LimitOrder::SwapFirst)),
        ("memory: 20\nswap: 600\n", set(20, 600, LimitOrder::MemoryFirst)),
        ("memory: 100\nswap: 0\n", set(100, 0, LimitOrder::SwapFirst)),
        ("", set(512, 512, LimitOrder::SwapFirst)),
        ("memory: 100\n", set(100, 512, LimitOrder::SwapFirst)),
    ] {
        assert_eq!(action(before, after), expected);
    }
    // What is not valid stays as it runs, and what is valid beside it is done.
    let plan = plan_of(before, "memory: 9\nswap: 0\n");
    assert_eq!(words(&plan), ["swap SetMemory", "memory Restart (later)"]);
    assert_eq!(plan.steps[0].action, set(100, 0, LimitOrder::SwapFirst));
}

#[test]
fn zero_is_a_value() {
    assert_eq!(action("cpulimit: 2", "cpulimit: 0"), Action::SetCpuLimit { limit: 0.0 });
    assert_eq!(action("cpuunits: 2", "cpuunits: 0"), Action::SetCpuUnits { units: None });
    assert_eq!(action("cpuunits: 2", ""), Action::SetCpuUnits { units: None });
    assert_eq!(action("", "cpuunits: 1024"), Action::SetCpuUnits { units: Some(1024) });
}

#[test]
fn a_cgroup_line_wins_over_an_option() {
    assert_eq!(
        shown("memory: 64\nlxc.cgroup2.memory.max: 5", "memory: 65\nlxc.cgroup2.memory.max: 5"),
        ["memory SetMemory", "lxc.cgroup2.memory.max SetCgroup"]
    );
    assert_eq!(
        shown("lxc.cgroup2.memory.max: 5\nlxc.cgroup2.cpu.max: 6", "lxc.cgroup2.cpu.max: 7"),
        [
            "lxc.cgroup2.memory.max ResetCgroup",
            "lxc.cgroup2.memory.max SetMemory",
            "lxc.cgroup2.cpu.max SetCgroup"
        ]
    );
}

#[test]
fn mounts_go_children_first_and_come_parents_first() {
    let nested = "mp0: l1:c,mp=/a/b/c\nmp1: l1:a,mp=/a\nmp2: l1:b,mp=/a/b\n";
    assert_eq!(shown(nested, ""), ["mp0", "mp2", "mp1"].map(|key| format!("{key} RemoveMount")));
    assert_eq!(shown("", nested), ["mp1", "mp2", "mp0"].map(|key| format!("{key} AddMount")));
}

#[test]
fn two_mount_points_swap() {
    let (one, two) = ("mp0: l1:a,mp=/a\nmp1: l1:b,mp=/b\n", "mp0: l1:a,mp=/b\nmp1: l1:b,mp=/a\n");
    assert_eq!(
        shown(one, two),
        ["mp1 RemoveMount", "mp0 RemoveMount", "mp0 AddMount", "mp1 AddMount"]
    );
    let two = "mp0: l1:b,mp=/a\nmp1: l1:a,mp=/b\n";
    assert_eq!(
        shown(one, two),
        ["mp1 RemoveMount", "mp0 RemoveMount", "mp0 AddMount", "mp1 AddMount"]
    );
}

#[test]
fn what_lies_below_is_mounted_again() {
    let below = "mp1: l1:b,mp=/a/b\n";
    // The parent goes, moves away, and comes.
    let with = format!("mp0: l1:a,mp=/a\n{below}");
    assert_eq!(shown(&with, below), ["mp1 RemoveMount", "mp0 RemoveMount", "mp1 AddMount"]);
    assert_eq!(shown(below, &with), ["mp1 RemoveMount", "mp0 AddMount", "mp1 AddMount"]);
    let moved = format!("mp0: l1:a,mp=/z\n{below}");
    assert_eq!(
        shown(&with, &moved),
        ["mp1 RemoveMount", "mp0 RemoveMount", "mp0 AddMount", "mp1 AddMount"]
    );
    // Names that only begin alike are not below.
    assert_eq!(shown("mp0: /s,mp=/a\nmp1: /t,mp=/ab", "mp1: /t,mp=/ab"), ["mp0 RemoveMount"]);
}

#[test]
fn a_volume_grows_while_it_is_writable() {
    let of = |more: &str| format!("mp0: l1:a,mp=/a,{more}\n");
    assert_eq!(shown(&of("size=1G"), &of("size=2G,ro=1")), ["mp0 GrowVolume", "mp0 RemountMount"]);
    assert_eq!(shown(&of("size=1G,ro=1"), &of("size=2G")), ["mp0 RemountMount", "mp0 GrowVolume"]);
    let root = |more: &str| format!("rootfs: l1:a,{more}\n");
    assert_eq!(
        shown(&root("size=1G"), &root("size=2G,ro=1")),
        ["rootfs GrowVolume", "rootfs RemountMount"]
    );
    // A size that was not known, and that of another volume.
    assert_eq!(shown("mp0: l1:a,mp=/a", &of("size=2G")), ["mp0 GrowVolume"]);
    assert_eq!(shown(&of("size=2G"), "mp0: l1:a,mp=/a"), ["mp0 Record"]);
    assert_eq!(
        shown(&of("size=2G"), "mp0: l1:b,mp=/a,size=1G"),
        ["mp0 RemoveMount", "mp0 AddMount"]
    );
}

#[test]
fn what_is_mounted_again_takes_all_along() {
    assert_eq!(
        shown("mp0: l1:a,mp=/a", "mp0: l1:a,mp=/b,quota=1,keepattrs=1,ro=1"),
        ["mp0 RemoveMount", "mp0 AddMount"]
    );
}

#[test]
fn the_volume_of_the_running_root_is_not_mounted_a_second_time() {
    assert_eq!(
        shown("rootfs: l1:r\nmp0: l1:a,mp=/a\n", "rootfs: l1:a\nmp0: l1:r,mp=/a\n"),
        ["mp0 RemoveMount", "rootfs Restart (later)", "mp0 AddMount (later)"]
    );
}

/// What is mounted below its place meanwhile is left alone.
#[test]
fn a_mount_that_waits_hides_nothing() {
    let below = "rootfs: l1:r\nmp0: l1:b,mp=/a/b\n";
    assert_eq!(shown(below, &format!("{below}mp1: l1:r,mp=/a\n")), ["mp1 AddMount (later)"]);
}

#[test]
fn interfaces_swap_and_hand_on_their_names() {
    let nets = |names: [&str; 3]| {
        let lines = names.iter().enumerate();
        lines
            .filter(|(_, name)| !name.is_empty())
            .map(|(index, name)| format!("net{index}: name={name},bridge=b\n"))
            .collect::<String>()
    };
    for (before, after, steps) in [
        (["a", "b", ""], ["b", "a", ""], &["net0 RemoveNet", "net1 ReplugNet", "net0 AddNet"][..]),
        (
            ["a", "b", "c"],
            ["b", "c", "a"],
            &["net0 RemoveNet", "net2 ReplugNet", "net1 ReplugNet", "net0 AddNet"],
        ),
        (["a", "b", ""], ["b", "c", ""], &["net1 ReplugNet", "net0 ReplugNet"]),
        (["a", "b", ""], ["b", "", ""], &["net1 RemoveNet", "net0 ReplugNet"]),
        (["a", "", ""], ["b", "a", ""], &["net0 ReplugNet", "net1 AddNet"]),
        (["a", "", ""], ["", "a", ""], &["net0 RemoveNet", "net1 AddNet"]),
    ] {
        assert_eq!(shown(&nets(before), &nets(after)), steps, "{before:?} {after:?}");
    }
    let mac = |net: u8, mac: u8| format!("net{net}: name=e{net},hwaddr=02:00:00:00:00:0{mac}\n");
    assert_eq!(
        shown(&(mac(0, 1) + &mac(1, 2)), &(mac(0, 2) + &mac(1, 1))),
        ["net0 RemoveNet", "net1 ReplugNet", "net0 AddNet"]
    );
    assert_eq!(
        shown(&mac(0, 1), &("net0: name=e0\n".to_owned() + &mac(1, 1))),
        ["net0 ReplugNet", "net1 AddNet"]
    );
}

#[test]
fn an_address_comes_before_its_route_and_the_old_one_goes_last() {
    use AddressMove::{Add, Remove, Route, Unroute};
    let ip = |text: &str| text.parse().unwrap();
    let moves = |before: &str, after: &str| match action(
        &format!("net0: name=e,{before}"),
        &format!("net0: name=e,{after}"),
    ) {
        Action::SetAddress { moves, .. } => moves,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        moves("ip=10.0.0.2/24,gw=10.0.0.1", "ip=10.1.0.2/24,gw=10.1.0.1"),
        [Add(ip("10.1.0.2"), 24), Route(ip("10.1.0.1")), Remove(ip("10.0.0.2"), 24)]
    );
    // Only the gateway: the address stays.
    assert_eq!(
        moves("ip=10.0.0.2/24,gw=10.0.0.1", "ip=10.0.0.2/24,gw=10.0.0.9"),
        [Route(ip("10.0.0.9"))]
    );
    assert_eq!(moves("ip=10.0.0.2/24,gw=10.0.0.1", "ip=10.0.0.2/24"), [Unroute]);
    assert_eq!(
        moves("ip=10.0.0.2/24,gw=10.0.0.1", "ip=dhcp"),
        [Unroute, Remove(ip("10.0.0.2"), 24)]
    );
    assert_eq!(moves("ip=dhcp", "ip=10.0.0.2/24"), [Add(ip("10.0.0.2"), 24)]);
    assert_eq!(moves("ip=dhcp", "ip=manual"), []);
    // The same address with another prefix: IPv6 does not take it twice.
    assert_eq!(
        moves("ip=10.0.0.2/24", "ip=10.0.0.2/16"),
        [Add(ip("10.0.0.2"), 16), Remove(ip("10.0.0.2"), 24)]
    );
    assert_eq!(
        moves("ip6=fd00::2/64,gw6=fd00::1", "ip6=fd00::2/48,gw6=fd00::1"),
        [Remove(ip("fd00::2"), 64), Add(ip("fd00::2"), 48), Route(ip("fd00::1"))]
    );
}

#[test]
fn a_default_route_moves_to_another_interface() {
    let before = "net0: name=a,ip=10.1.0.2/24\nnet1: name=b,ip=10.0.0.2/24,gw=10.0.0.1\n";
    let after = "net0: name=a,ip=10.1.0.2/24,gw=10.1.0.1\nnet1: name=b,ip=10.0.0.2/24\n";
    assert_eq!(shown(before, after), ["net1 SetAddress", "net0 SetAddress"]);
}

#[test]
fn another_bridge_brings_its_mtu_and_takes_the_rate_along() {
    let of = |more: &str| format!("net0: name=a,{more}\n");
    for (before, after) in [
        ("bridge=b", "bridge=c"),
        ("bridge=b", "bridge=c,rate=2,mtu=1400"),
        ("bridge=b,mtu=1400", "bridge=c,mtu=1400"),
        ("bridge=b,tag=2,rate=1", "bridge=b,tag=3"),
    ] {
        assert_eq!(shown(&of(before), &of(after)), ["net0 ReattachNet"]);
    }
    let changes = ["net0 SetMtu", "net0 SetRate"];
    assert_eq!(shown(&of("bridge=b"), &of("bridge=b,rate=2,mtu=1400")), changes);
}

#[test]
fn a_device_moves_to_another_number() {
    assert_eq!(
        shown("dev0: /dev/a\ndev1: /dev/b\n", "dev0: /dev/b\ndev1: /dev/a\n"),
        ["dev0 RemoveDevice", "dev1 RemoveDevice", "dev0 AddDevice", "dev1 AddDevice"]
    );
}

#[test]
fn everything_at_once_is_in_groups() {
    assert_eq!(
        shown(
            "net0: name=a\nmp0: /s,mp=/s\ntty: 3\n",
            "arch: i386\nonboot: 1\nhostname: x\nmemory: 64\nnet1: name=a\nmp1: /s,mp=/s\n\
             dev0: /dev/a\nlxc.prlimit.nofile: 5\ntty: 2\n"
        ),
        [
            "memory SetMemory",
            "mp0 RemoveMount",
            "mp1 AddMount",
            "dev0 AddDevice",
            "net0 RemoveNet",
            "net1 AddNet",
            "hostname SetHostname",
            "lxc.prlimit.nofile SetResourceLimit",
            "onboot Record",
            "tty SetTty (later)",
            "arch Restart (later)",
        ]
    );
}

#[test]
fn an_lxc_line_keeps_its_option_waiting() {
    let uts = "lxc.uts.name: x\n";
    assert_eq!(shown(uts, &format!("hostname: a\n{uts}")), ["hostname Restart (later)"]);
    assert_eq!(shown("lxc.tty.max: 1\n", "tty: 4\nlxc.tty.max: 1\n"), ["tty Restart (later)"]);
}

#[test]
fn device_rules_are_one_list() {
    let one = "lxc.cgroup2.devices.deny: a\nlxc.cgroup2.devices.allow: c 1:3 rwm\n";
    let two = "lxc.cgroup2.devices.allow: c 1:3 rwm\nlxc.cgroup2.devices.deny: a\n";
    match action(one, two) {
        Action::SetDeviceRules { rules } => {
            assert_eq!((rules.len(), rules[1].0.as_str()), (2, "lxc.cgroup2.devices.deny"));
        }
        other => panic!("{other:?}"),
    }
}
