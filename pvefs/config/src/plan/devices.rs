//! Devices of the host.

use super::Planner;
use super::step::Action;
use crate::config::Device;

/// All that go, then those that change, then all that come: a device may move from one number to another.
pub(super) fn plan(planner: &mut Planner<'_>) {
    let (old, new) = (planner.old.devices(), planner.new.devices());
    let keys: Vec<String> = planner
        .changes
        .iter()
        .map(|change| change.key.clone())
        .filter(|key| key.strip_prefix("dev").is_some_and(|rest| rest.parse::<u16>().is_ok()))
        .collect();
    let mut changes: Vec<(String, Option<Device>, Option<Device>)> = Vec::new();
    for key in keys {
        let index = key.strip_prefix("dev").and_then(|rest| rest.parse::<u16>().ok());
        let Some(index) = index.filter(|_| planner.change(&key)) else { continue };
        changes.push((key, old.get(&index).cloned(), new.get(&index).cloned()));
    }
    for (key, before, after) in &changes {
        if let Some(device) = before
            && after.as_ref().is_none_or(|after| after.path != device.path)
        {
            let action = Action::RemoveDevice { device: device.clone() };
            planner.live(&[key], planner.properties(key), action);
        }
    }
    for (key, before, after) in &changes {
        if let (Some(before), Some(after)) = (before, after)
            && before.path == after.path
        {
            let properties = planner.properties(key);
            if before == after {
                planner.record(key, properties);
            } else {
                let action = Action::ChangeDevice { device: after.clone() };
                planner.live(&[key], properties, action);
            }
        }
    }
    for (key, before, after) in &changes {
        if let Some(device) = after
            && before.as_ref().is_none_or(|before| before.path != device.path)
        {
            let action = Action::AddDevice { device: device.clone() };
            planner.live(&[key], planner.properties(key), action);
        }
    }
}
