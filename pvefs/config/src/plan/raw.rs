//! `lxc.*` keys: resources are live, everything else acts at start.

use super::Planner;
use super::step::Action;
use crate::config::RawOption;
use crate::schema::{HotPlug, find_lxc};

const START: &str = "this `lxc.` key acts only when the container is started";

/// The file that a cgroup key writes.
pub(super) fn file(key: &str) -> Option<&str> {
    key.strip_prefix("lxc.cgroup2.").or_else(|| key.strip_prefix("lxc.cgroup."))
}

fn is_device_rule(key: &str) -> bool {
    file(key).is_some_and(|file| file.starts_with("devices."))
}

/// The values of a key. An empty one takes back those before it.
fn values(raw: &[RawOption], key: &str) -> Vec<String> {
    let mut values = Vec::new();
    for option in raw.iter().filter(|option| option.key == key) {
        if option.value.is_empty() {
            values.clear();
        } else {
            values.push(option.value.clone());
        }
    }
    values
}

/// The device rules of all keys, in order.
fn device_rules(raw: &[RawOption]) -> Vec<(String, String)> {
    let mut rules: Vec<(String, String)> = Vec::new();
    for option in raw.iter().filter(|option| is_device_rule(&option.key)) {
        if option.value.is_empty() {
            rules.retain(|(key, _)| *key != option.key);
        } else {
            rules.push((option.key.clone(), option.value.clone()));
        }
    }
    rules
}

/// All keys of both sides, each once, in order of their names.
fn keys(planner: &Planner<'_>) -> Vec<String> {
    let both = planner.old_raw.iter().chain(&planner.new_raw);
    let mut keys: Vec<String> = both.map(|option| option.key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Gives back the files of keys that are gone, and names the keys.
pub(super) fn reset_cgroup(planner: &mut Planner<'_>) -> Vec<String> {
    let mut gone = Vec::new();
    for key in keys(planner) {
        if file(&key).is_none() || is_device_rule(&key) {
            continue;
        }
        let is_gone =
            !values(&planner.old_raw, &key).is_empty() && values(&planner.new_raw, &key).is_empty();
        if is_gone {
            planner.live(&[&key], Vec::new(), Action::ResetCgroup { key: key.clone() });
            gone.push(key);
        }
    }
    gone
}

/// Writes the files of keys that changed, and of those whose `controllers` were just written for an option.
pub(super) fn set_cgroup(planner: &mut Planner<'_>, controllers: &[&str]) {
    for key in keys(planner) {
        let Some(name) = file(&key).filter(|_| !is_device_rule(&key)) else { continue };
        let (before, after) = (values(&planner.old_raw, &key), values(&planner.new_raw, &key));
        let is_overwritten = controllers.iter().any(|controller| name.starts_with(controller));
        if !after.is_empty() && (before != after || is_overwritten) {
            let action = Action::SetCgroup { key: key.clone(), values: after };
            planner.live(&[&key], Vec::new(), action);
        }
    }
    let rules = device_rules(&planner.new_raw);
    if rules != device_rules(&planner.old_raw) {
        let keys: Vec<_> = keys(planner).into_iter().filter(|key| is_device_rule(key)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        planner.live(&keys, Vec::new(), Action::SetDeviceRules { rules });
    }
}

/// All other keys.
pub(super) fn plan(planner: &mut Planner<'_>) {
    for key in keys(planner) {
        let all = |raw: &[RawOption]| -> Vec<String> {
            let lines = raw.iter().filter(|option| option.key == key);
            lines.map(|option| option.value.clone()).collect()
        };
        let Some((definition, _)) = find_lxc(&key) else { continue };
        if all(&planner.old_raw) == all(&planner.new_raw) {
            continue;
        }
        match definition.hotplug {
            HotPlug::Live => live(planner, &key),
            HotPlug::Recorded => planner.record(&key, Vec::new()),
            HotPlug::NextStart | HotPlug::AtCreate => planner.wait(&key, Vec::new(), START),
        }
    }
}

/// Resource limits; cgroup files were written with the options that write them too.
fn live(planner: &mut Planner<'_>, key: &str) {
    let before = values(&planner.old_raw, key).pop();
    let after = values(&planner.new_raw, key).pop();
    match key.strip_prefix("lxc.prlimit.") {
        Some(resource) if before != after => {
            let resource = resource.to_owned();
            let action = Action::SetResourceLimit { resource, value: after };
            planner.live(&[key], Vec::new(), action);
        }
        // Written otherwise, to the same end.
        _ if !planner.live.iter().any(|step| step.options.iter().any(|other| other == key)) => {
            planner.record(key, Vec::new());
        }
        _ => {}
    }
}
