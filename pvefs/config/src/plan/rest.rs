//! Options that are only recorded, and those that wait for the next start.

use super::Planner;
use crate::schema::{HotPlug, find_option};

/// Why an option waits.
fn reason(name: &str) -> &'static str {
    match name {
        "arch" => "init is told its architecture when it is executed",
        "ostype" => "it decides how the system inside is set up, which is done at start",
        "features" => "privileges are given when the container is started",
        "unprivileged" => "the user namespace is made when the container is started",
        "console" => "/dev/console is made when the container is started",
        "entrypoint" => "init is executed when the container is started",
        "env" => "init gets its environment when it is executed",
        "debug" => "it is about what is logged at start",
        _ => HotPlug::NextStart.describe(),
    }
}

pub(super) fn plan(planner: &mut Planner<'_>) {
    let is_planned = |name: &str| {
        matches!(
            name,
            "memory" | "swap" | "cpulimit" | "cpuunits" | "cores" | "rootfs" | "mp" | "dev" | "net"
        ) || matches!(name, "hostname" | "nameserver" | "searchdomain" | "timezone" | "tty")
    };
    let keys: Vec<String> = planner
        .changes
        .iter()
        .map(|change| change.key.clone())
        .filter(|key| !key.starts_with("lxc."))
        .collect();
    for key in keys {
        let properties = planner.properties(&key);
        match find_option(&key) {
            Ok(option) if is_planned(option.name) => {}
            Ok(option) if option.hotplug == HotPlug::Recorded => planner.record(&key, properties),
            Ok(option) => planner.wait(&key, properties, reason(option.name)),
            // Nobody reads an option that is none.
            Err(_) => planner.record(&key, properties),
        }
    }
}
