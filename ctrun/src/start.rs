//! Starting a container, from outside: everything up to the moment in which the guest's init runs.
//!
//! What has been made is in the record before it is made; so whatever fails, and whenever, [`crate::teardown`] undoes it.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use ct_sys::clone::{Child, Clone};
use ct_sys::{Call, mount::Mount, pass, pidfd};
use rustix::thread::UnshareFlags;

use crate::cgroup::{Groups, Layout};
use crate::failure::{At, Failure, Origin, Step, fault};
use crate::init::{self, Plan, Terminals, message};
use crate::network;
use crate::record::{Record, RunDir};
use crate::settings::Settings;
use crate::spec::Spec;
use crate::volume::{self, Opened};
use crate::{dev, seccomp};

/// A container that runs.
#[derive(Debug)]
pub struct Running {
    /// Its init.
    pub init: Child,
    /// Its terminals.
    pub terminals: Terminals,
    /// Its `/dev`.
    pub dev: Mount,
    /// What has been made for it.
    pub record: Record,
}

/// Starts the container. On failure what it made is in `record` still.
pub fn start(
    settings: &Settings,
    spec: &Spec,
    dir: &RunDir,
    record: &mut Record,
) -> Result<Running, Failure> {
    let keep = check(settings, spec)?;
    record.capabilities = keep.bits();

    fault(settings, Step::Volumes)?;
    let root = volume::open_root(spec)?;
    let mounts = open_mounts(spec)?;

    fault(settings, Step::Devices)?;
    let dev = dev::make(spec)?;

    let groups = Groups::plan(&Layout::detect().at(Step::Cgroups)?, settings, spec);
    record.cgroups = groups.directories();
    record.join = groups.inner_v1();
    record.unified = groups.inner_unified();
    record.links =
        spec.nets.iter().map(|n| (network::host_name(spec.id, n.value.number), None)).collect();
    dir.save(record).at(Step::Cgroups)?;
    groups.make(spec, settings, &dev.allow)?;
    fault(settings, Step::Cgroups)?;

    let tasks = groups.open_v1().at(Step::Cgroups)?;
    let plan =
        Plan { spec, settings, root: &root, mounts: &mounts, dev: &dev.mount, keep, tasks: &tasks };
    let (init, ours) = give_birth(&groups, &plan)?;
    let pid = init.pid.as_raw_nonzero().get();
    record.init = Some((pid, pidfd::start_time(pid).at(Step::Namespaces)?));
    dir.save(record).at(Step::Namespaces)?;
    drop(tasks);
    fault(settings, Step::Namespaces)?;

    map_users(spec, pid, &root, &mounts)?;
    fault(settings, Step::IdMap)?;
    pass::send(&ours, message::GO, &[]).at(Step::Namespaces)?;

    // From here on both sides work at the same time.
    let filter = seccomp::compile(spec)?;
    dir.save_filter(&filter).at(Step::Privileges)?;
    fault(settings, Step::Network)?;
    match network::set_up(spec, pid) {
        Ok(links) => record.links = links,
        // If init has failed meanwhile, its reason is the better one.
        Err(failure) => return Err(init_failure(&ours).unwrap_or(failure)),
    }
    let terminals = receive_terminals(&ours)?;
    dir.save(record).at(Step::Network)?;
    let mut exec = message::EXEC.to_vec();
    exec.extend_from_slice(&filter);
    pass::send(&ours, &exec, &[]).at(Step::Exec)?;
    await_exec(&ours)?;
    Ok(Running { init, terminals, dev: dev.mount, record: record.clone() })
}

/// What can be known to be wrong before anything is made.
fn check(settings: &Settings, spec: &Spec) -> Result<rustix::thread::CapabilitySet, Failure> {
    let step = Step::Configuration;
    fault(settings, step)?;
    if let Some(origin) = &spec.template {
        return Err("a template does not run").at_option(step, origin);
    }
    if let Some(lock) = &spec.lock
        && lock.value != "mounted"
    {
        return Err(format!("the container is locked ({})", lock.value))
            .at_option(step, &lock.origin);
    }
    if let Some(map) = &spec.idmap {
        map.value.check().at_option(step, &map.origin)?;
    }
    refuse_unsupported(&spec.root.value.unsupported, &spec.root.origin)?;
    refuse_unsupported(&spec.features.value.unsupported, &spec.features.origin)?;
    for point in &spec.mounts {
        refuse_unsupported(&point.value.volume.unsupported, &point.origin)?;
    }
    for net in &spec.nets {
        refuse_unsupported(&net.value.unsupported, &net.origin)?;
    }
    init::kept_capabilities(spec)
}

/// No option is silently without effect.
fn refuse_unsupported(options: &[String], origin: &Origin) -> Result<(), Failure> {
    match options.first() {
        Some(option) => Err(format!("{option} is not supported by this runtime yet"))
            .at_option(Step::Configuration, origin),
        None => Ok(()),
    }
}

fn open_mounts(spec: &Spec) -> Result<Vec<Option<Opened>>, Failure> {
    let mut mounts = Vec::new();
    for given in &spec.mounts {
        let volume =
            crate::spec::Given { value: given.value.volume.clone(), origin: given.origin.clone() };
        match volume::open(spec, &volume, given.value.recursive) {
            Err(_) if given.value.optional => mounts.push(None),
            other => mounts.push(Some(other?)),
        }
    }
    Ok(mounts)
}

/// Makes process 1, which waits, and the line to it.
fn give_birth(groups: &Groups, plan: &Plan<'_>) -> Result<(Child, OwnedFd), Failure> {
    let mut namespaces = UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWNET;
    if plan.spec.unprivileged() {
        namespaces |= UnshareFlags::NEWUSER;
    }
    let ends = pass::pair().at(Step::Namespaces)?;
    let unified = groups.inner_unified().map(File::open).transpose();
    let unified = unified.map_err(|e| format!("cannot open the cgroup: {e}")).at(Step::Cgroups)?;
    let (child, (ours, _)) = Clone::new()
        .namespaces(namespaces)
        .cgroup(unified.as_ref().map(AsFd::as_fd))
        .spawn(ends, |(ours, theirs)| {
            // Otherwise process 1 would keep its own line to the supervisor open, and not learn when that is gone.
            drop(ours);
            init::run(plan, &theirs)
        })
        .at(Step::Namespaces)?;
    Ok((child, ours))
}

fn map_users(
    spec: &Spec,
    pid: i32,
    root: &Opened,
    mounts: &[Option<Opened>],
) -> Result<(), Failure> {
    let Some(map) = &spec.idmap else { return Ok(()) };
    map.value.apply(pid).at_option(Step::IdMap, &map.origin)?;
    let userns = crate::idmap::open_user_namespace(pid).at(Step::IdMap)?;
    root.map_owners(&spec.root, &userns)?;
    for (given, opened) in spec.mounts.iter().zip(mounts) {
        let volume =
            crate::spec::Given { value: given.value.volume.clone(), origin: given.origin.clone() };
        if let Some(opened) = opened {
            opened.map_owners(&volume, &userns)?;
        }
    }
    Ok(())
}

fn receive_terminals(ours: &OwnedFd) -> Result<Terminals, Failure> {
    let mut buffer = vec![0; message::MAX];
    let received = pass::receive(ours, &mut buffer).at(Step::Terminals)?;
    let Some((n, fds)) = received else { return Err(died(Step::Mounts)) };
    if &buffer[..n] == message::TERMINALS {
        return Terminals::from_fds(fds).ok_or_else(|| died(Step::Terminals));
    }
    Err(parse_failure(&buffer[..n]).unwrap_or_else(|| died(Step::Terminals)))
}

/// The line is closed by a successful execve, and says why by one that is not.
fn await_exec(ours: &OwnedFd) -> Result<(), Failure> {
    let mut buffer = vec![0; message::MAX];
    match pass::receive(ours, &mut buffer).at(Step::Exec)? {
        None => Ok(()),
        Some((n, _)) => Err(parse_failure(&buffer[..n]).unwrap_or_else(|| died(Step::Exec))),
    }
}

/// What init has said, if it has said anything yet.
fn init_failure(ours: &OwnedFd) -> Option<Failure> {
    rustix::io::ioctl_fionbio(ours, true).call(|| "ioctl(FIONBIO)".into()).ok()?;
    let mut buffer = vec![0; message::MAX];
    let (n, _) = pass::receive(ours, &mut buffer).ok()??;
    parse_failure(&buffer[..n])
}

fn parse_failure(bytes: &[u8]) -> Option<Failure> {
    serde_json::from_slice(bytes).ok()
}

fn died(step: Step) -> Failure {
    Failure { step, origin: None, reason: "process 1 died before it was ready".into() }
}
