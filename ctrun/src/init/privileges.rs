//! What a container's processes may not do: capabilities, resource limits, system calls.

use ct_sys::{Call, caps, exec, seccomp};
use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{CapabilitySet, set_thread_res_gid, set_thread_res_uid};

use crate::failure::{At, Failure, Step};
use crate::spec::{Prlimit, Spec};

/// What a container loses that has the host's users: with these it would change the host itself.
const DROPPED: CapabilitySet = CapabilitySet::MAC_ADMIN
    .union(CapabilitySet::MAC_OVERRIDE)
    .union(CapabilitySet::SYS_TIME)
    .union(CapabilitySet::SYS_MODULE)
    .union(CapabilitySet::SYS_RAWIO);

/// What is good for nothing in a user namespace, for the kernel asks for it in its first one. A guest's init that sees these
/// tries to load modules and to read the audit log, and calls itself degraded.
const USELESS: CapabilitySet = CapabilitySet::SYS_TIME
    .union(CapabilitySet::SYS_MODULE)
    .union(CapabilitySet::SYS_RAWIO)
    .union(CapabilitySet::AUDIT_READ);

/// The capabilities that the container's processes may have.
pub fn kept_capabilities(spec: &Spec) -> Result<CapabilitySet, Failure> {
    let find = |given: &crate::spec::Given<String>| {
        caps::by_name(&given.value)
            .ok_or_else(|| format!("there is no capability {}", given.value))
            .at_option(Step::Privileges, &given.origin)
    };
    let mut keep = CapabilitySet::from_bits_retain(!0);
    if !spec.lxc.cap_keep.is_empty() {
        keep = CapabilitySet::empty();
        for given in spec.lxc.cap_keep.iter().filter(|g| g.value != "none") {
            keep |= find(given)?;
        }
        return Ok(keep);
    }
    keep -= if spec.unprivileged() { USELESS } else { DROPPED };
    for given in &spec.lxc.cap_drop {
        keep -= find(given)?;
    }
    Ok(keep)
}

/// Takes everything away that is not to be had; afterwards there is only the guest's program to execute.
pub fn drop_all(spec: &Spec, keep: CapabilitySet, filter: &[u8]) -> Result<(), Failure> {
    for given in &spec.lxc.prlimits {
        limit(&given.value).at_option(Step::Privileges, &given.origin)?;
    }
    if spec.lxc.arch_32bit {
        exec::personality_32bit().at(Step::Privileges)?;
    }
    if let Some(cwd) = &spec.lxc.init_cwd {
        rustix::process::chdir(&cwd.value)
            .map_err(|e| format!("cannot change to {}: {e}", cwd.value.display()))
            .at_option(Step::Privileges, &cwd.origin)?;
    }
    // Before the capabilities go: installing a filter takes CAP_SYS_ADMIN.
    if !filter.is_empty() {
        seccomp::install(filter).at(Step::Privileges)?;
    }
    caps::limit(keep).at(Step::Privileges)?;
    if (spec.lxc.init_uid, spec.lxc.init_gid) != (0, 0) {
        become_user(spec.lxc.init_uid, spec.lxc.init_gid).at(Step::Privileges)?;
    }
    Ok(())
}

fn become_user(uid: u32, gid: u32) -> ct_sys::Result<()> {
    let (u, g) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(g, g, g).call(|| format!("setresgid({gid})"))?;
    set_thread_res_uid(u, u, u).call(|| format!("setresuid({uid})"))
}

fn limit(limit: &Prlimit) -> Result<(), String> {
    let name = limit.name.as_str();
    let resource = match name {
        "as" => Resource::As,
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        _ => return Err(format!("there is no resource limit {name}")),
    };
    setrlimit(resource, Rlimit { current: limit.soft, maximum: limit.hard })
        .map_err(|e| format!("cannot set the limit {name}: {e}"))
}
