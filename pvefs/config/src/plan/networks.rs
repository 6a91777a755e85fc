//! Network interfaces.

use super::Planner;
use super::step::{Action, AddressMove, Family};
use crate::config::{IpConfig, Net};
use std::net::IpAddr;

/// An interface that changes.
struct Change {
    key: String,
    before: Option<Net>,
    after: Option<Net>,
    properties: Vec<&'static str>,
}

pub(super) fn plan(planner: &mut Planner<'_>) {
    let (old, new) = (planner.old.nets(), planner.new.nets());
    let keys: Vec<(String, u16)> = planner
        .changes
        .iter()
        .filter_map(|change| {
            Some((change.key.clone(), change.key.strip_prefix("net")?.parse().ok()?))
        })
        .collect();
    let mut changes = Vec::new();
    for (key, index) in keys {
        if planner.change(&key) {
            let (before, after) = (old.get(&index).cloned(), new.get(&index).cloned());
            let properties = planner.properties(&key);
            changes.push(Change { key, before, after, properties });
        }
    }
    changes.sort_by_key(|change| change.key[3..].parse::<u16>().unwrap_or(u16::MAX));
    let mut present: Vec<(String, Net)> =
        old.iter().map(|(index, net)| (format!("net{index}"), net.clone())).collect();
    for change in &changes {
        if let (Some(before), None) = (&change.before, &change.after) {
            remove(planner, change, before);
            present.retain(|(key, _)| *key != change.key);
        }
    }
    let taken_out = replug(planner, &changes, &mut present);
    let mut addresses = Vec::new();
    for change in &changes {
        if let (Some(before), Some(after)) = (&change.before, &change.after)
            && !is_other(before, after)
        {
            link(planner, change, before, after);
            addresses.extend(moves(change, before, after));
        }
    }
    // A default route goes before another interface gets one.
    addresses.sort_by_key(|(_, action)| !loses_route(action));
    for ((key, properties), action) in addresses {
        planner.live(&[key], properties, action);
    }
    for change in &changes {
        let is_out = change.before.is_none() || taken_out.contains(&change.key.as_str());
        if let Some(after) = change.after.as_ref().filter(|_| is_out) {
            let action = Action::AddNet { net: Box::new(after.clone()) };
            planner.live(&[&change.key], change.properties.clone(), action);
        }
    }
}

fn remove(planner: &mut Planner<'_>, change: &Change, before: &Net) {
    let action = Action::RemoveNet { net: Box::new(before.clone()) };
    planner.live(&[&change.key], change.properties.clone(), action);
}

/// Whether it must be another interface. Without a MAC address it is to get a new one.
fn is_other(before: &Net, after: &Net) -> bool {
    before.name != after.name || before.hwaddr != after.hwaddr
}

/// Replugs interfaces, each when its new name and MAC address are free. Where they wait for each other one is taken out;
/// gives those that are to be put in again.
fn replug<'c>(
    planner: &mut Planner<'_>,
    changes: &'c [Change],
    present: &mut Vec<(String, Net)>,
) -> Vec<&'c str> {
    let mut left: Vec<(&Change, &Net, &Net)> = changes
        .iter()
        .filter_map(|change| Some((change, change.before.as_ref()?, change.after.as_ref()?)))
        .filter(|(_, before, after)| is_other(before, after))
        .collect();
    let mut taken_out = Vec::new();
    while !left.is_empty() {
        let is_free = |change: &Change, after: &Net| {
            present.iter().all(|(key, other)| {
                *key == change.key
                    || (other.name != after.name
                        && (other.hwaddr.is_none() || other.hwaddr != after.hwaddr))
            })
        };
        let next = left.iter().position(|(change, _, after)| is_free(change, after));
        let (change, before, after) = left.remove(next.unwrap_or(0));
        present.retain(|(key, _)| *key != change.key);
        if next.is_some() {
            let (before, net) = (Box::new(before.clone()), Box::new(after.clone()));
            let action = Action::ReplugNet { before, net };
            planner.live(&[&change.key], change.properties.clone(), action);
            present.push((change.key.clone(), after.clone()));
        } else {
            remove(planner, change, before);
            taken_out.push(change.key.as_str());
        }
    }
    taken_out
}

/// Everything about an interface but its addresses.
fn link(planner: &mut Planner<'_>, change: &Change, before: &Net, after: &Net) {
    let with = |names: &[&str]| -> Vec<&'static str> {
        change.properties.iter().copied().filter(|name| names.contains(name)).collect()
    };
    let key = change.key.as_str();
    let name = || after.name.clone();
    let attached = with(&["bridge", "tag", "trunks", "firewall", "link_down"]);
    let (mtu, rate, managed) = (with(&["mtu"]), with(&["rate"]), with(&["host-managed"]));
    let is_attached_again = !attached.is_empty();
    if is_attached_again {
        // The host's end is put in with its rate limit, and without one of its own it has the MTU of its bridge.
        let properties = with(&["bridge", "tag", "trunks", "firewall", "link_down", "rate", "mtu"]);
        let (before, net) = (Box::new(before.clone()), Box::new(after.clone()));
        planner.live(&[key], properties, Action::ReattachNet { before, net });
    }
    if !mtu.is_empty() && !is_attached_again {
        planner.live(&[key], mtu, Action::SetMtu { name: name(), mtu: after.mtu });
    }
    if !rate.is_empty() && !is_attached_again {
        planner.live(&[key], rate, Action::SetRate { name: name(), rate: after.rate });
    }
    if !managed.is_empty() {
        let action = Action::SetHostManaged { name: name(), managed: after.host_managed };
        planner.live(&[key], managed, action);
    }
    let mut recorded = with(&["type"]);
    for (family, names) in [(Family::V4, ["ip", "gw"]), (Family::V6, ["ip6", "gw6"])] {
        let ((_, was, old), (_, is, new)) = (side(before, family), side(after, family));
        if (was, old) == (is, new) {
            // A gateway without an address, or an address written otherwise.
            recorded.extend(with(&names));
        }
    }
    if !recorded.is_empty() {
        planner.record(key, recorded);
    }
}

/// The names of the sub-options of a family, and what they say. A gateway counts with a static address only.
fn side(net: &Net, family: Family) -> ([&'static str; 2], IpConfig, Option<IpAddr>) {
    let (names, config, gateway) = match family {
        Family::V4 => (["ip", "gw"], net.ip, net.gw),
        Family::V6 => (["ip6", "gw6"], net.ip6, net.gw6),
    };
    (names, config, gateway.filter(|_| matches!(config, IpConfig::Static(..))))
}

type Addressed<'c> = ((&'c str, Vec<&'static str>), Action);

/// The steps of both families.
fn moves<'c>(change: &'c Change, before: &Net, after: &Net) -> Vec<Addressed<'c>> {
    let mut steps = Vec::new();
    for family in [Family::V4, Family::V6] {
        let ((names, was, old_route), (_, is, new_route)) =
            (side(before, family), side(after, family));
        if (was, old_route) == (is, new_route) {
            continue;
        }
        let moves = order(family, (was, old_route), (is, new_route));
        let (name, before, after) = (after.name.clone(), was, is);
        let properties =
            change.properties.iter().copied().filter(|name| names.contains(name)).collect();
        steps.push((
            (change.key.as_str(), properties),
            Action::SetAddress { name, family, before, after, moves },
        ));
    }
    steps
}

/// The new address, the route, and then the old address, so that a connection through another address lives on.
fn order(
    family: Family,
    (was, old_route): (IpConfig, Option<IpAddr>),
    (is, new_route): (IpConfig, Option<IpAddr>),
) -> Vec<AddressMove> {
    let fixed = |config| match config {
        IpConfig::Static(address, prefix) => Some((address, prefix)),
        _ => None,
    };
    let (old, new) = (fixed(was), fixed(is));
    let has_moved = old != new;
    // IPv6 does not take an address twice, whatever its prefix.
    let is_first =
        family == Family::V6 && old.zip(new).is_some_and(|((old, _), (new, _))| old == new);
    let mut moves = Vec::new();
    let remove = |moves: &mut Vec<AddressMove>| {
        moves.extend(old.filter(|_| has_moved).map(|(ip, prefix)| AddressMove::Remove(ip, prefix)));
    };
    if is_first {
        remove(&mut moves);
    }
    moves.extend(new.filter(|_| has_moved).map(|(ip, prefix)| AddressMove::Add(ip, prefix)));
    match (old_route, new_route) {
        (_, Some(gateway)) => moves.push(AddressMove::Route(gateway)),
        (Some(_), None) => moves.push(AddressMove::Unroute),
        (None, None) => {}
    }
    if !is_first {
        remove(&mut moves);
    }
    moves
}

fn loses_route(action: &Action) -> bool {
    matches!(action, Action::SetAddress { moves, .. } if moves.contains(&AddressMove::Unroute))
}
