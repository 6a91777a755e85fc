//! Which device nodes may be opened: a file in version 1, a program in version 2, the same list for both.

use std::fs::File;
use std::path::Path;

use ct_sys::bpf;

use super::{Error, Groups, Version, write};
use crate::failure::{At, Failure, Step};
use crate::spec::Spec;

/// Nodes that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Of which kind.
    pub node: Node,
    /// Major number, or any.
    pub major: Option<u32>,
    /// Minor number, or any.
    pub minor: Option<u32>,
    /// Of `r`, `w` and `m`.
    pub access: String,
}

/// A kind of node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// Block device.
    Block,
    /// Character device.
    Char,
    /// Either.
    Any,
}

/// What every container may use, by major and minor number: null zero full random urandom tty console ptmx fuse, and ptys.
const STANDARD: [(u32, Option<u32>); 10] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (10, Some(229)),
    (136, None),
];

/// A line of `lxc.cgroup*.devices.*` that says nothing we understand.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no device rule: want `a`, or `b` or `c`, MAJOR:MINOR (`*` is any) and some of `rwm`"
)]
pub struct BadRule(String);

/// Sets the filter.
pub fn apply(groups: &Groups, spec: &Spec, more: &[Allow]) -> Result<(), Failure> {
    let mut rules: Vec<(bool, Allow)> =
        standard().into_iter().chain(more.iter().cloned()).map(|a| (true, a)).collect();
    for given in &spec.lxc.cgroups {
        let (file, value) = &given.value;
        let allow = match file.as_str() {
            "devices.allow" => true,
            "devices.deny" => false,
            _ => continue,
        };
        rules.push((allow, parse(value).at_option(Step::Cgroups, &given.origin)?));
    }
    match groups.outer_of("devices") {
        Some(group) => apply_v1(&group.outer, &rules),
        None => apply_v2(groups, &rules),
    }
    .at(Step::Cgroups)
}

fn apply_v1(group: &Path, rules: &[(bool, Allow)]) -> Result<(), Error> {
    write(&group.join("devices.deny"), "a")?;
    for (allow, rule) in rules {
        let file = if *allow { "devices.allow" } else { "devices.deny" };
        write(&group.join(file), &line(rule))?;
    }
    Ok(())
}

fn apply_v2(groups: &Groups, rules: &[(bool, Allow)]) -> Result<(), Error> {
    let group = groups.groups.iter().find(|g| g.hierarchy.version == Version::V2);
    let group = group.ok_or_else(|| Error::NoController("devices".into()))?;
    let directory = File::open(&group.outer).map_err(super::io("open", &group.outer))?;
    // The program stops at the first rule that matches; of lines, the last one counts.
    let rules: Vec<bpf::Rule> =
        rules.iter().rev().map(|(allow, rule)| program(*allow, rule)).collect();
    bpf::attach(directory, &rules).map_err(|e| Error::Value(e.to_string()))
}

fn standard() -> Vec<Allow> {
    let mut all: Vec<Allow> = STANDARD
        .iter()
        .map(|&(major, minor)| Allow {
            node: Node::Char,
            major: Some(major),
            minor,
            access: "rwm".into(),
        })
        .collect();
    // Making a node is harmless; opening it is what the list is about. Packages do make nodes.
    for node in [Node::Block, Node::Char] {
        all.push(Allow { node, major: None, minor: None, access: "m".into() });
    }
    all
}

fn line(rule: &Allow) -> String {
    let number = |n: Option<u32>| n.map_or("*".into(), |n| n.to_string());
    let kind = match rule.node {
        Node::Block => "b",
        Node::Char => "c",
        Node::Any => return "a".into(),
    };
    format!("{kind} {}:{} {}", number(rule.major), number(rule.minor), rule.access)
}

fn program(allow: bool, rule: &Allow) -> bpf::Rule {
    let access = rule.access.chars().fold(0, |mask, c| {
        mask | match c {
            'r' => bpf::READ,
            'w' => bpf::WRITE,
            _ => bpf::MKNOD,
        }
    });
    let kind = match rule.node {
        Node::Block => Some(bpf::Kind::Block),
        Node::Char => Some(bpf::Kind::Char),
        Node::Any => None,
    };
    bpf::Rule { kind, major: rule.major, minor: rule.minor, access, allow }
}

fn parse(text: &str) -> Result<Allow, BadRule> {
    let bad = || BadRule(text.to_owned());
    let mut words = text.split_whitespace();
    let node = match words.next() {
        Some("a") => Node::Any,
        Some("b") => Node::Block,
        Some("c") => Node::Char,
        _ => return Err(bad()),
    };
    let Some(numbers) = words.next() else {
        let all = Allow { node, major: None, minor: None, access: "rwm".into() };
        return if node == Node::Any { Ok(all) } else { Err(bad()) };
    };
    let (major, minor) = numbers.split_once(':').ok_or_else(bad)?;
    let number = |text: &str| match text {
        "*" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| bad()),
    };
    let access = words.next().unwrap_or("rwm");
    if access.is_empty() || !access.chars().all(|c| "rwm".contains(c)) || words.next().is_some() {
        return Err(bad());
    }
    Ok(Allow { node, major: number(major)?, minor: number(minor)?, access: access.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rules_and_writes_them() {
        for text in ["c 10:200 rwm", "b *:* m", "c 226:* rw"] {
            assert_eq!(line(&parse(text).unwrap()), text);
        }
        assert_eq!(parse("a").unwrap().node, Node::Any);
        assert_eq!(line(&parse("a *:* rwm").unwrap()), "a");
        for bad in ["", "c", "c 10 rw", "x 1:3 r", "c 1:3 q", "c 1:3 r more", "c 1:-3 r"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
