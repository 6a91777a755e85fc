//! Interfaces on a bridge, in a network namespace of the test's own.

use std::time::{Duration, Instant};

use crate::support::{Host, eventually, netns::NetNs};

fn bridged() -> Option<Host> {
    let mut host = Host::new()?;
    let netns = NetNs::new();
    netns.ip("link add br0 mtu 1400 type bridge");
    netns.ip("addr add 10.5.0.1/24 dev br0");
    netns.ip("addr add fd05::1/64 dev br0 nodad");
    netns.ip("link set br0 up");
    host.netns = Some(netns);
    Some(host)
}

#[test]
fn containers_reach_the_host_and_each_other() {
    let Some(host) = bridged() else { return };
    let ids: Vec<u32> = ["", "unprivileged: 1\n"]
        .iter()
        .enumerate()
        .map(|(n, config)| {
            let id = host.container(&format!(
                "{config}net0: name=eth0,bridge=br0,host-managed=1,ip=10.5.0.{}/24,gw=10.5.0.1,ip6=fd05::{}/64,gw6=fd05::1\n",
                n + 10,
                n + 10
            ));
            host.start(id);
            id
        })
        .collect();
    for id in &ids {
        let said = host
            .sh(*id, "ping -c1 -w3 10.5.0.1 && ping -c1 -w3 10.5.0.10 && ping -c1 -w3 10.5.0.11");
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert_eq!(host.sh(*id, "cat /sys/class/net/eth0/mtu").out, "1400\n");
        assert!(host.sh(*id, "ip route").out.contains("default via 10.5.0.1"));
        eventually("IPv6", || host.sh(*id, "ping6 -c1 -w1 fd05::1").code == 0);
    }
    let links = host.netns.as_ref().unwrap().ip("-o link show master br0");
    for id in ids {
        assert!(links.contains(&format!("veth{id}i0")), "{links}");
        host.stop(id);
    }
    host.assert_nothing_left();
    eventually("no interface", || !host.netns.as_ref().unwrap().ip("-o link").contains("veth"));
}

#[test]
fn addresses_and_states() {
    let Some(host) = bridged() else { return };
    let id = host.container(
        "net0: name=lan,bridge=br0,hwaddr=02:00:00:00:00:0A,mtu=1300\nnet1: name=off,bridge=br0,link_down=1\nnet2: name=alone\n",
    );
    host.start(id);
    let said = host
        .sh(id, "cat /sys/class/net/lan/address /sys/class/net/lan/mtu; ls /sys/class/net | xargs");
    assert_eq!(said.out, "02:00:00:00:00:0a\n1300\nalone lan lo off\n");
    let ip = |args: &str| host.netns.as_ref().unwrap().ip(args);
    assert!(ip("-o link show master br0").contains(&format!("veth{id}i0")));
    assert!(!ip("-o link show master br0").contains(&format!("veth{id}i1")));
    assert!(ip(&format!("-o link show veth{id}i1")).contains("state DOWN"));
    // A restart at once finds its names free, or makes them so.
    for _ in 0..3 {
        host.stop(id);
        host.start(id);
    }
    let begun = Instant::now();
    host.stop(id);
    assert!(begun.elapsed() < Duration::from_secs(2));
    host.assert_nothing_left();
}

#[test]
fn a_bridge_that_is_none_and_a_frame_that_is_too_large() {
    let Some(host) = bridged() else { return };
    for (net, wanted) in [
        ("name=eth0,bridge=lo", "lo is no bridge"),
        ("name=eth0,bridge=br0,mtu=9000", "mtu 9000 is more than the 1400 of bridge br0"),
        ("name=eth0,bridge=br0,tag=5", "tag is not supported"),
    ] {
        let id = host.container(&format!("net0: {net}\n"));
        let said = host.ctrun(&["start", &id.to_string()]);
        assert!(said.code != 0 && said.err.contains(wanted), "{net}: {}", said.err);
        host.assert_nothing_left();
    }
}

#[test]
fn a_container_without_interfaces_sees_only_its_own() {
    let Some(host) = bridged() else { return };
    let id = host.container("");
    host.start(id);
    assert_eq!(host.sh(id, "ls /sys/class/net").out, "lo\n");
    assert_eq!(host.sh(id, "ping -c1 -w2 127.0.0.1 >/dev/null && echo ok").out, "ok\n");
    host.stop(id);
}
