//! Each distribution's test root: what changes at create, with other networks, and a second time.

mod common;

use ct_guest::{Event, Part, Root, plan_parts};
use pve_config::{Document, FileKind, check};

/// Static addresses with gateways on the subnet, and a second interface without.
const NEAR: &str = "arch: amd64\nhostname: ct1\nnameserver: 192.0.2.1 2001:db8::53\n\
    searchdomain: example.com\ntimezone: Europe/Vienna\ntty: 2\n\
    net0: name=eth0,bridge=vmbr0,ip=192.0.2.10/24,gw=192.0.2.1,ip6=2001:db8::10/64,gw6=2001:db8::1\n\
    net1: name=eth1,bridge=vmbr0,ip=dhcp,ip6=auto\n";
/// Gateways off the subnet, DHCPv6, and what is the guest's own business.
const FAR: &str = "hostname: ct1.example.org\n\
    net0: name=eth0,bridge=vmbr0,ip=192.0.2.10/32,gw=198.51.100.1,ip6=2001:db8::10/64,gw6=2001:db8:1::1\n\
    net1: name=eth1,bridge=vmbr0,ip=manual,ip6=dhcp\n\
    net2: name=eth2,bridge=vmbr0,ip6=2001:db8:2::10/64,gw6=fe80::1\n";
const NONE: &str = "hostname: ct1\n";

fn network(guest: &common::Guest, config: &str) -> Root {
    let mut root = Root::open(guest.dir.path(), guest.owner).unwrap();
    let settings = common::settings(config);
    plan_parts(&mut root, &settings, &common::options(), &[Part::Network]).unwrap();
    root
}

#[test]
fn the_configurations_are_valid() {
    for config in [NEAR, FAR, NONE] {
        let report = check(FileKind::Container(None), config.as_bytes());
        assert_eq!(report.errors().count(), 0, "{report:?}");
    }
    assert_eq!(Document::parse(NEAR).get("tty"), Some("2"));
}

#[test]
fn every_distribution_gets_its_own_files() {
    for name in common::fixtures() {
        let guest = common::Guest::new(&name);
        let (mut root, outcome) = guest.plan(NEAR, Event::Create).unwrap();
        let detected = outcome.detected.unwrap();
        let mut text = format!("{detected}\n");
        for warning in root.warnings() {
            text.push_str(&format!("warning: {warning}\n"));
        }
        text.push_str(&format!("== create\n{}", root.diff()));
        root.apply().unwrap();

        let (mut root, _) = guest.plan(NEAR, Event::Start).unwrap();
        text.push_str(&format!("== then start\n{}", root.diff()));
        root.apply().unwrap();

        let mut root = network(&guest, FAR);
        text.push_str(&format!("== then another network\n{}", root.diff()));
        root.apply().unwrap();
        text.push_str(&format!("== then none\n{}", network(&guest, NONE).diff()));
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn a_second_time_changes_nothing() {
    for name in common::fixtures() {
        for config in [NEAR, FAR, NONE] {
            for event in [Event::Create, Event::Start, Event::Clone, Event::Restore] {
                let guest = common::Guest::new(&name);
                guest.run(config, event);
                let before = guest.tree();
                let (mut root, _) = guest.plan(config, event).unwrap();
                assert_eq!(root.diff(), "", "{name} {event:?}");
                root.apply().unwrap();
                assert_eq!(guest.tree(), before, "{name} {event:?}");
            }
        }
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    for name in common::fixtures() {
        let guest = common::Guest::new(&name);
        let before = guest.tree();
        let (root, _) = guest.plan(NEAR, Event::Create).unwrap();
        assert_ne!(root.diff(), "");
        assert_eq!(guest.tree(), before, "{name}");
    }
}
