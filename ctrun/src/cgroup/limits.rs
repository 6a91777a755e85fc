//! Limits: the same option has the same meaning in both versions.

use std::path::Path;

use super::{Error, Group, Groups, Version, read, write};
use crate::failure::{At, Failure, Step};
use crate::spec::{Given, Limits};

const MIB: u64 = 1024 * 1024;

/// Microseconds in which a quota of processor time is given out.
const PERIOD: u64 = 100_000;

/// Sets all limits on the outer groups.
pub fn apply(groups: &Groups, limits: &Limits) -> Result<(), Failure> {
    memory(groups, limits.memory.value, limits.swap.value)
        .at_option(Step::Cgroups, &limits.memory.origin)?;
    if let Some(limit) = limits.cpulimit.as_ref().filter(|l| l.value > 0.0) {
        cpulimit(groups, limit.value).at_option(Step::Cgroups, &limit.origin)?;
    }
    if let Some(units) = &limits.cpuunits {
        cpuunits(groups, units.value).at_option(Step::Cgroups, &units.origin)?;
    }
    if let Some(cores) = &limits.cores {
        set_cores(groups, cores.value).at_option(Step::Cgroups, &cores.origin)?;
    }
    pids(groups).at(Step::Cgroups)
}

/// Sets what `lxc.cgroup2.*` and `lxc.cgroup.*` lines say, wherever this host has that file.
pub fn apply_raw(groups: &Groups, raw: &[Given<(String, String)>]) -> Result<(), Failure> {
    for given in raw {
        let (file, value) = &given.value;
        if file.starts_with("devices.") {
            continue; // the device filter's
        }
        let controller = file.split('.').next().unwrap_or_default();
        group(groups, controller)
            .and_then(|g| write(&g.outer.join(file), value))
            .at_option(Step::Cgroups, &given.origin)?;
    }
    Ok(())
}

fn memory(groups: &Groups, memory: u64, swap: u64) -> Result<(), Error> {
    let group = group(groups, "memory")?;
    let (bytes, swap) = (memory * MIB, swap * MIB);
    let file = |name: &str| group.outer.join(name);
    if group.hierarchy.version == Version::V1 {
        write(&file("memory.limit_in_bytes"), &bytes.to_string())?;
        // Kernels without swap accounting have no such file.
        return write_if_there(&file("memory.memsw.limit_in_bytes"), &(bytes + swap).to_string());
    }
    write_if_there(&file("memory.swap.max"), &swap.to_string())?;
    // Reclaim starts a little below the limit, so that reaching it is not the first thing that happens.
    let high = if bytes < 16 * 1024 * MIB { bytes / 1024 * 1016 } else { bytes - 128 * MIB };
    write(&file("memory.high"), &high.to_string())?;
    write(&file("memory.max"), &bytes.to_string())
}

fn cpulimit(groups: &Groups, processors: f64) -> Result<(), Error> {
    let group = group(groups, "cpu")?;
    let quota = (PERIOD as f64 * processors) as u64;
    if group.hierarchy.version == Version::V1 {
        write(&group.outer.join("cpu.cfs_period_us"), &PERIOD.to_string())?;
        return write(&group.outer.join("cpu.cfs_quota_us"), &quota.to_string());
    }
    write(&group.outer.join("cpu.max"), &format!("{quota} {PERIOD}"))
}

fn cpuunits(groups: &Groups, units: u64) -> Result<(), Error> {
    let group = group(groups, "cpu")?;
    match group.hierarchy.version {
        Version::V1 => write(&group.outer.join("cpu.shares"), &units.max(2).to_string()),
        Version::V2 => write(&group.outer.join("cpu.weight"), &units.clamp(1, 10_000).to_string()),
    }
}

fn set_cores(groups: &Groups, cores: u32) -> Result<(), Error> {
    let group = group(groups, "cpuset")?;
    let parent = group.outer.parent().unwrap_or(&group.outer);
    let file = if group.hierarchy.version == Version::V1 {
        "cpuset.cpus"
    } else {
        "cpuset.cpus.effective"
    };
    let there = parse_list(&read(&parent.join(file))?);
    let wanted = cores as usize;
    if wanted >= there.len() {
        return Ok(());
    }
    // Spread containers over the processors; which ones does not matter.
    let first = usize::try_from(std::process::id()).unwrap_or(0) % there.len();
    let chosen: Vec<String> =
        there.iter().cycle().skip(first).take(wanted).map(u32::to_string).collect();
    write(&group.outer.join("cpuset.cpus"), &chosen.join(","))
}

/// A quarter of the processes that this host can have, unless a raw line says otherwise.
fn pids(groups: &Groups) -> Result<(), Error> {
    let Ok(group) = group(groups, "pids") else { return Ok(()) };
    let host = |file: &str| read(Path::new(file)).ok().and_then(|t| t.parse::<u64>().ok());
    let most = host("/proc/sys/kernel/pid_max")
        .into_iter()
        .chain(host("/proc/sys/kernel/threads-max"))
        .min()
        .unwrap_or(32768);
    write(&group.outer.join("pids.max"), &(most / 4).max(1024).to_string())
}

fn group<'a>(groups: &'a Groups, controller: &str) -> Result<&'a Group, Error> {
    groups.outer_of(controller).ok_or_else(|| Error::NoController(controller.to_owned()))
}

fn write_if_there(path: &Path, value: &str) -> Result<(), Error> {
    if path.exists() { write(path, value) } else { Ok(()) }
}

/// `0-3,7` as numbers.
fn parse_list(text: &str) -> Vec<u32> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.trim().parse(), to.trim().parse::<u32>()) {
            all.extend(from..=to);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists() {
        assert_eq!(parse_list("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(parse_list("3\n"), [3]);
        assert!(parse_list("").is_empty());
    }
}
