//! What runs after a plan of which some steps failed, and which steps a failed one keeps from being tried.

use super::mounts::{components, is_below, same_volume};
use super::step::{Action, Plan, Step, When};
use crate::config::{Config, MountPoint, Net, RawOption};
use crate::document::{Document, Section};
use crate::properties::Properties;
use crate::schema::find_option;
use std::collections::{BTreeMap, BTreeSet};

impl Step {
    /// Whether this step cannot be done because `failed`, which came before it or could not be done itself, was not: a
    /// path, a volume, a name or a device is still in use. Other steps are not affected by a failure.
    pub fn is_blocked_by(&self, failed: &Step) -> bool {
        match (&self.action, &failed.action) {
            (Action::RemoveMount { mount }, Action::RemoveMount { mount: there }) => {
                is_below(&there.target, &mount.target)
            }
            (Action::AddMount { mount }, Action::RemoveMount { mount: there }) => {
                self.options == failed.options || collide(mount, there)
            }
            (Action::AddNet { net }, Action::RemoveNet { net: there })
            | (
                Action::AddNet { net } | Action::ReplugNet { net, .. },
                Action::ReplugNet { before: there, .. } | Action::RemoveNet { net: there },
            ) => self.options == failed.options || have_one_name(net, there),
            (Action::AddDevice { device }, Action::RemoveDevice { device: there }) => {
                self.options == failed.options || device.path == there.path
            }
            // It is not there to be changed.
            (Action::RemountMount { .. } | Action::GrowVolume { .. }, Action::AddMount { .. }) => {
                self.options == failed.options
            }
            _ => false,
        }
    }
}

/// Whether a mount cannot come while another one is there: at its path, above it, or of its volume.
fn collide(mount: &MountPoint, there: &MountPoint) -> bool {
    let (path, other) = (components(&mount.target), components(&there.target));
    other.starts_with(&path) || same_volume(&mount.volume, &there.volume)
}

fn have_one_name(net: &Net, there: &Net) -> bool {
    net.name == there.name || (net.hwaddr.is_some() && net.hwaddr == there.hwaddr)
}

/// A main section that is being put together from two.
struct Mixture<'a> {
    wanted: (&'a Document, &'a Section),
    options: BTreeMap<String, String>,
}

impl Mixture<'_> {
    fn wanted(&self, key: &str) -> Option<String> {
        Some(self.wanted.0.option(self.wanted.1, key)?.value.to_owned())
    }

    /// Takes an option over as it is wanted, or takes it away.
    fn take(&mut self, key: &str) {
        match self.wanted(key) {
            Some(value) => self.options.insert(key.to_owned(), value),
            None => self.options.remove(key),
        };
    }

    /// Takes over some sub-options.
    fn take_properties(&mut self, key: &str, names: &[&'static str]) {
        if let Some(new) = self.wanted(key) {
            self.set_properties(key, names, &new);
        }
    }

    /// Gives an option some sub-options of another value.
    fn set_properties(&mut self, key: &str, names: &[&'static str], new: &str) {
        let (Ok(option), Some(old)) = (find_option(key), self.options.get(key)) else { return };
        let (old, new) = (Properties::parse(option, old), Properties::parse(option, new));
        let parts: Vec<String> = option
            .properties()
            .iter()
            .filter_map(|property| {
                let side = if names.contains(&property.name) { &new } else { &old };
                Some(format!("{}={}", property.name, side.get(property.name)?))
            })
            .collect();
        self.options.insert(key.to_owned(), parts.join(","));
    }
}

impl Plan {
    /// What runs when of this plan, from `applied` to `wanted`, those steps are done that `is_done` says, by their
    /// number. It is what the next plan begins with: what failed is in it again. The result has no comments and no other
    /// sections.
    pub fn applied(
        &self,
        applied: (&Document, &Section),
        wanted: (&Document, &Section),
        is_done: impl Fn(usize) -> bool,
    ) -> Document {
        let options = applied
            .0
            .options(applied.1)
            .filter(|option| !option.key.starts_with("lxc."))
            .map(|option| (option.key.to_owned(), option.value.to_owned()))
            .collect();
        let mut mixture = Mixture { wanted, options };
        let is_done = |index: usize| is_done(index) && self.steps[index].when == When::Live;
        // An option that is one thing is applied when all its steps are done.
        let mut open: BTreeSet<&str> = BTreeSet::new();
        let mut whole: BTreeSet<&str> = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            let key = step.options[0].as_str();
            match &step.action {
                Action::RemoveMount { .. }
                | Action::RemoveNet { .. }
                | Action::RemoveDevice { .. } => {
                    if is_done(index) {
                        mixture.options.remove(key);
                    }
                }
                Action::AddMount { .. }
                | Action::AddNet { .. }
                | Action::ReplugNet { .. }
                | Action::AddDevice { .. } => {
                    if is_done(index) {
                        mixture.take(key);
                    }
                }
                _ if !step.properties.is_empty() => {
                    if is_done(index) {
                        mixture.take_properties(key, &step.properties);
                    }
                }
                _ => {
                    let keys = step.options.iter().map(String::as_str);
                    if is_done(index) { whole.extend(keys) } else { open.extend(keys) }
                }
            }
        }
        // A mount that was made again brought its wanted line along; its volume is as large as it was.
        for (index, step) in self.steps.iter().enumerate() {
            let old = applied.0.option(applied.1, &step.options[0]);
            if let (["size"], false, Some(old)) = (&step.properties[..], is_done(index), old) {
                mixture.set_properties(old.key, &["size"], old.value);
            }
        }
        for key in whole.difference(&open).filter(|key| !key.starts_with("lxc.")) {
            mixture.take(key);
        }
        let options = mixture.options.iter().map(|(key, value)| format!("{key}: {value}\n"));
        let raw = raw(applied, wanted, (&whole, &open));
        let raw = raw.iter().map(|raw| format!("{}: {}\n", raw.key, raw.value));
        Document::parse(options.chain(raw).collect::<String>())
    }
}

/// The `lxc.*` lines: those of keys that are not done, then those of the others as they are wanted.
fn raw(
    applied: (&Document, &Section),
    wanted: (&Document, &Section),
    (whole, open): (&BTreeSet<&str>, &BTreeSet<&str>),
) -> Vec<RawOption> {
    let (old, new) =
        (Config::new(applied.0, applied.1).raw(), Config::new(wanted.0, wanted.1).raw());
    let values = |all: &[RawOption], key: &str| -> Vec<String> {
        all.iter().filter(|raw| raw.key == key).map(|raw| raw.value.clone()).collect()
    };
    let is_kept = |key: &str| {
        // A line that did not change is in a plan when an option is written over it: it is to be written again.
        let is_lost = open.contains(key) && values(&old, key) == values(&new, key);
        !is_lost && (open.contains(key) || !whole.contains(key))
    };
    let is_taken = |key: &str| whole.contains(key) && !open.contains(key);
    let kept = old.iter().filter(|raw| is_kept(&raw.key)).cloned();
    kept.chain(new.iter().filter(|raw| is_taken(&raw.key)).cloned()).collect()
}
