//! Memory, CPU, and the `lxc.*` keys that write the same files.

use super::step::{Action, LimitOrder};
use super::{Planner, raw};
use crate::config::Config;

/// `lxc.*` lines are written after the options, as at start, so they win. One that is gone gives its file back to the
/// option that it had won over.
pub(super) fn plan(planner: &mut Planner<'_>) {
    let gone = raw::reset_cgroup(planner);
    let mut written = Vec::new();
    for (controller, set) in [
        ("memory.", memory as fn(&mut Planner<'_>, &[String]) -> bool),
        ("cpu.", cpu),
        ("cpuset.", cores),
    ] {
        let freed: Vec<String> = gone
            .iter()
            .filter(|key| raw::file(key).is_some_and(|file| file.starts_with(controller)))
            .cloned()
            .collect();
        if set(planner, &freed) {
            written.push(controller);
        }
    }
    raw::set_cgroup(planner, &written);
}

/// The keys that changed, and those that were freed.
fn touched(planner: &mut Planner<'_>, keys: &[&'static str], freed: &[String]) -> Vec<String> {
    let mut found: Vec<String> =
        keys.iter().filter(|key| planner.change(key)).map(|&key| key.to_owned()).collect();
    found.extend_from_slice(freed);
    found
}

fn step(planner: &mut Planner<'_>, keys: &[String], action: Action) {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    planner.live(&keys, Vec::new(), action);
}

fn memory(planner: &mut Planner<'_>, freed: &[String]) -> bool {
    let keys = touched(planner, &["memory", "swap"], freed);
    if keys.is_empty() {
        return false;
    }
    let value = |config: &Config<'_>, key| config.integer(key).unwrap_or_default();
    let before = value(&planner.old, "memory");
    let memory = value(planner.side("memory"), "memory");
    let swap = value(planner.side("swap"), "swap");
    let order = if memory < before { LimitOrder::MemoryFirst } else { LimitOrder::SwapFirst };
    step(planner, &keys, Action::SetMemory { memory, swap, order });
    true
}

fn cpu(planner: &mut Planner<'_>, freed: &[String]) -> bool {
    let limit_keys = touched(planner, &["cpulimit"], freed);
    if !limit_keys.is_empty() {
        let limit = planner.side("cpulimit").number("cpulimit").unwrap_or_default();
        step(planner, &limit_keys, Action::SetCpuLimit { limit });
    }
    let unit_keys = touched(planner, &["cpuunits"], freed);
    if !unit_keys.is_empty() {
        // The default depends on the cgroup version, so the table's is not taken; 0 is that default too.
        let written = planner.side("cpuunits").get("cpuunits");
        let units = written.and_then(|units| units.parse().ok()).filter(|units| *units > 0);
        step(planner, &unit_keys, Action::SetCpuUnits { units });
    }
    !limit_keys.is_empty() || !unit_keys.is_empty()
}

fn cores(planner: &mut Planner<'_>, freed: &[String]) -> bool {
    let keys = touched(planner, &["cores"], freed);
    if keys.is_empty() {
        return false;
    }
    let cores = planner.side("cores").integer("cores");
    step(planner, &keys, Action::SetCores { cores });
    true
}
