//! What to do to a running container so that it is what its file says: an ordered list of steps.
//!
//! Pure: two main sections in, steps out. What is live and what waits for the next start follows from the option table
//! ([`HotPlug`](crate::schema::HotPlug)); what an option that is not there means is its default, so deleting an option
//! brings the default back. The order of the steps is part of the plan:
//!
//! - Limits first. Growing memory takes swap first, shrinking it takes memory first, so that the sum of both, which is
//!   what cgroup v1 limits, never is less than memory.
//! - Mounts are taken away children first and made parents first, all removals before the first new one. What lies below
//!   a mount that comes or goes is taken away and made again.
//! - A name or a MAC address is free before another interface gets it; interfaces that swap them are taken out.
//! - In an interface the new address comes before the new route, and that before the old address goes.
//! - Last, what is only recorded, and what waits for the next start.
//!
//! `applied` is what runs. The executor keeps it and gets the next one from [`Plan::applied`], which knows what a step
//! that failed leaves; [`Step::is_blocked_by`] says what need not be tried after a failure.

mod devices;
mod guest;
mod limits;
mod mounts;
mod networks;
mod outcome;
mod raw;
mod rest;
mod step;
#[cfg(test)]
mod tests;

pub use step::{Action, AddressMove, Family, LimitOrder, Plan, Step, When};

use crate::config::{Config, RawOption};
use crate::diff::{OptionChange, diff};
use crate::document::{Document, Section};

/// Plans how a container that runs as `applied` says becomes what `wanted` says. Both are main sections.
pub fn plan(applied: (&Document, &Section), wanted: (&Document, &Section)) -> Plan {
    let mut planner = Planner::new(applied, wanted);
    limits::plan(&mut planner);
    mounts::plan(&mut planner);
    devices::plan(&mut planner);
    networks::plan(&mut planner);
    guest::plan(&mut planner);
    raw::plan(&mut planner);
    rest::plan(&mut planner);
    planner.end()
}

/// The sides of a plan, and the steps so far.
struct Planner<'a> {
    old: Config<'a>,
    new: Config<'a>,
    /// What is written in the new section, valid or not.
    written: (&'a Document, &'a Section),
    old_raw: Vec<RawOption>,
    new_raw: Vec<RawOption>,
    changes: Vec<OptionChange>,
    live: Vec<Step>,
    recorded: Vec<Step>,
    waiting: Vec<Step>,
}

impl<'a> Planner<'a> {
    fn new(applied: (&'a Document, &'a Section), wanted: (&'a Document, &'a Section)) -> Self {
        let old = Config::new(applied.0, applied.1);
        let new = Config::new(wanted.0, wanted.1);
        Self {
            old_raw: old.raw(),
            new_raw: new.raw(),
            changes: diff(applied, wanted),
            written: wanted,
            old,
            new,
            live: Vec::new(),
            recorded: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn end(mut self) -> Plan {
        self.live.append(&mut self.recorded);
        self.live.append(&mut self.waiting);
        Plan { steps: self.live }
    }

    /// The change of an option that has none of the others' kind to be looked at with it. A value that is not valid is
    /// none to act on: it waits, and what runs stays.
    fn change(&mut self, key: &str) -> bool {
        let is_changed = self.changes.iter().any(|change| change.key == key);
        is_changed && !self.waits_for_validity(key)
    }

    /// Whether the new value of `key` is not valid; then it waits.
    fn waits_for_validity(&mut self, key: &str) -> bool {
        let is_invalid = self.is_invalid(key);
        if is_invalid {
            self.wait(key, Vec::new(), "the value is not valid");
        }
        is_invalid
    }

    /// Whether `key` is written, and not valid.
    fn is_invalid(&self, key: &str) -> bool {
        let (document, section) = self.written;
        document.option(section, key).is_some() && self.new.get(key).is_none()
    }

    /// The side whose value of `key` counts: what runs stays as long as the new value is not valid.
    fn side(&self, key: &str) -> &Config<'a> {
        if self.is_invalid(key) { &self.old } else { &self.new }
    }

    fn live(&mut self, options: &[&str], properties: Vec<&'static str>, action: Action) {
        let options = options.iter().map(|&key| key.to_owned()).collect();
        self.live.push(Step { options, properties, action, when: When::Live });
    }

    fn record(&mut self, key: &str, properties: Vec<&'static str>) {
        let options = vec![key.to_owned()];
        let action = Action::Record;
        self.recorded.push(Step { options, properties, action, when: When::Live });
    }

    fn wait(&mut self, key: &str, properties: Vec<&'static str>, reason: &'static str) {
        self.wait_for(key, properties, Action::Restart, reason);
    }

    fn wait_for(
        &mut self,
        key: &str,
        properties: Vec<&'static str>,
        action: Action,
        reason: &'static str,
    ) {
        let options = vec![key.to_owned()];
        self.waiting.push(Step { options, properties, action, when: When::NextStart(reason) });
    }

    /// The sub-options of `key` that changed; none if the whole option came or went.
    fn properties(&self, key: &str) -> Vec<&'static str> {
        let change = self.changes.iter().find(|change| change.key == key);
        change
            .map(|change| change.properties.iter().map(|part| part.name).collect())
            .unwrap_or_default()
    }

    /// Whether one of these `lxc.*` keys is there, before or after. Such a line wins over the option.
    fn has_raw(&self, key: &str) -> bool {
        self.old_raw.iter().chain(&self.new_raw).any(|raw| raw.key == key)
    }
}
