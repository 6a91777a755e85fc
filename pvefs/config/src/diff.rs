//! What is different between two sections, by option and sub-option.

use crate::document::{Document, Section};
use crate::properties::Properties;
use crate::schema::{Format, OptionDef, find_option, parse_boolean, parse_cidr, parse_size};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One sub-option that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyChange {
    /// Its name.
    pub name: &'static str,
    /// What it was; `None` if it was not there.
    pub before: Option<String>,
    /// What it is; `None` if it is not there.
    pub after: Option<String>,
}

/// One option that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionChange {
    /// Its key. Of `lxc.*` keys, which may be there several times, all lines are one change.
    pub key: String,
    /// Its values before: none, one, or several for an `lxc.*` key.
    pub before: Vec<String>,
    /// Its values after.
    pub after: Vec<String>,
    /// For a property string that is there before and after, the sub-options that differ.
    pub properties: Vec<PropertyChange>,
}

impl OptionChange {
    /// Whether the option is new.
    pub fn is_added(&self) -> bool {
        self.before.is_empty()
    }

    /// Whether the option is gone.
    pub fn is_removed(&self) -> bool {
        self.after.is_empty()
    }
}

/// Whether two values say the same, though they may be written differently: `on` and `1`, `1024M` and `1G`.
fn same(format: &Format, a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match format {
        Format::Boolean => parse_boolean(a).is_some() && parse_boolean(a) == parse_boolean(b),
        Format::Integer { .. } => a.parse::<u64>().is_ok_and(|n| b.parse() == Ok(n)),
        Format::Number { .. } => a.parse::<f64>().is_ok_and(|n| b.parse() == Ok(n)),
        Format::DiskSize => parse_size(a).is_some() && parse_size(a) == parse_size(b),
        Format::MacAddress => a.eq_ignore_ascii_case(b),
        Format::IpConfig { .. } => parse_cidr(a).is_some() && parse_cidr(a) == parse_cidr(b),
        Format::IpAddress { .. } => a.parse::<IpAddr>().is_ok_and(|ip| b.parse() == Ok(ip)),
        Format::Tags | Format::IpList | Format::DnsNameList => words(a).eq(words(b)),
        _ => false,
    }
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split([',', ';', ' ', '\t']).filter(|word| !word.is_empty())
}

fn property_changes(option: &'static OptionDef, before: &str, after: &str) -> Vec<PropertyChange> {
    let (old, new) = (Properties::parse(option, before), Properties::parse(option, after));
    let differs =
        |property: &&'static OptionDef| match (old.get(property.name), new.get(property.name)) {
            (Some(a), Some(b)) => !same(&property.format, a, b),
            (None, None) => false,
            // A default that is written out says nothing new.
            (Some(only), None) | (None, Some(only)) => {
                property.default.is_none_or(|default| !same(&property.format, default, only))
            }
        };
    option
        .properties()
        .iter()
        .filter(differs)
        .map(|property| PropertyChange {
            name: property.name,
            before: old.get(property.name).map(str::to_owned),
            after: new.get(property.name).map(str::to_owned),
        })
        .collect()
}

/// The values of each key of a section: the last one of an option, all of an `lxc.*` key.
fn values<'d>(document: &'d Document, section: &Section) -> BTreeMap<&'d str, Vec<&'d str>> {
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for option in document.options(section) {
        let all = values.entry(option.key).or_default();
        if !option.key.starts_with("lxc.") {
            all.clear();
        }
        all.push(option.value);
    }
    values
}

/// What differs between two sections, ordered by key. Comments, order, spacing and other ways of writing the same value
/// are no difference.
pub fn diff(old: (&Document, &Section), new: (&Document, &Section)) -> Vec<OptionChange> {
    let (before, after) = (values(old.0, old.1), values(new.0, new.1));
    let mut keys: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let none = Vec::new();
    keys.into_iter()
        .filter_map(|key| {
            change(key, before.get(key).unwrap_or(&none), after.get(key).unwrap_or(&none))
        })
        .collect()
}

fn change(key: &str, before: &[&str], after: &[&str]) -> Option<OptionChange> {
    let mut properties = Vec::new();
    if let (&[a], &[b], Ok(option)) = (before, after, find_option(key)) {
        if same(&option.format, a, b) {
            return None;
        }
        if !option.properties().is_empty() {
            properties = property_changes(option, a, b);
            if properties.is_empty() {
                return None;
            }
        }
    } else if before == after {
        return None;
    }
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Some(OptionChange {
        key: key.to_owned(),
        before: owned(before),
        after: owned(after),
        properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(old: &str, new: &str) -> Vec<OptionChange> {
        let (old, new) = (Document::parse(old), Document::parse(new));
        diff((&old, old.main()), (&new, new.main()))
    }

    #[test]
    fn other_spellings_are_no_difference() {
        let old = "# a\nonboot: on\ncpulimit: 1.50\nrootfs: l:x,size=1024M,ro=0\nnet0: name=e,hwaddr=aa:00:00:00:00:01\ntags: a,b\n";
        let new = "tags: a;b\nnet0: hwaddr=AA:00:00:00:00:01,name=e\nrootfs: volume=l:x,size=1G\ncpulimit: 1.5\nonboot: 1\n";
        assert_eq!(changes(old, new), []);
    }

    #[test]
    fn a_property_string_differs_by_its_parts() {
        let found = changes(
            "net0: name=eth0,tag=5\nswap: 1\n",
            "net0: tag=6,name=eth0,mtu=1400\nmemory: 64\n",
        );
        let keys: Vec<_> = found.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["memory", "net0", "swap"]);
        assert!(found[0].is_added() && found[2].is_removed());
        let parts: Vec<_> =
            found[1].properties.iter().map(|part| (part.name, part.before.as_deref())).collect();
        assert_eq!(parts, [("mtu", None), ("tag", Some("5"))]);
    }

    #[test]
    fn the_lines_of_an_lxc_key_are_one_change() {
        let found = changes("lxc.idmap: u 0 1 2\n", "lxc.idmap: u 0 1 2\nlxc.idmap: g 0 1 2\n");
        assert_eq!((found.len(), found[0].before.len(), found[0].after.len()), (1, 1, 2));
    }
}
