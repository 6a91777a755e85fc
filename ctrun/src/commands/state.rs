//! `ctrun state`.

use std::process::ExitCode;

use serde::Serialize;

use super::Error;
use crate::cgroup;
use crate::control::Client;
use crate::ctid::Ctid;
use crate::record::{self, Record, RunDir};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's number
    id: Ctid,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// What is known of a container.
#[derive(Debug, Serialize)]
pub struct State {
    id: Ctid,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    /// Whether its supervisor is there.
    supervised: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<String>,
}

impl State {
    pub fn of(settings: &Settings, id: Ctid) -> Result<Self, Error> {
        let stopped =
            Self { id, state: "stopped", pid: None, memory: None, supervised: false, config: None };
        let record = match Record::load(settings, id) {
            Err(record::Error::NotRunning(_)) => return Ok(stopped),
            other => other?,
        };
        let supervised = Client::connect(&RunDir::path_of(settings, id)).is_ok();
        let config = Some(record.config.display().to_string());
        if record.open_init()?.is_none() {
            let state = if supervised || record.init.is_none() { "starting" } else { "left over" };
            return Ok(Self { state, supervised, config, ..stopped });
        }
        let frozen = cgroup::state::is_frozen(&record.cgroups).unwrap_or(false);
        Ok(Self {
            id,
            state: if frozen { "frozen" } else { "running" },
            pid: record.init.map(|(pid, _)| pid),
            memory: cgroup::state::memory_used(&record.cgroups),
            supervised,
            config,
        })
    }

    /// As one line of a list.
    pub fn line(&self) -> String {
        let pid = self.pid.map_or("-".into(), |pid| pid.to_string());
        let memory = self.memory.map_or("-".into(), |m| format!("{:.1}M", m as f64 / 1048576.0));
        format!("{:<10} {:<10} {:<8} {memory}", self.id.to_string(), self.state, pid)
    }
}

pub fn state(settings: &Settings, args: &Args) -> Result<ExitCode, Error> {
    let state = State::of(settings, args.id)?;
    if args.json {
        let text = serde_json::to_string(&state).map_err(|e| Error::Other(e.to_string()))?;
        println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("state: {}", state.state);
    if let Some(pid) = state.pid {
        println!("pid: {pid}");
    }
    if let Some(memory) = state.memory {
        println!("memory: {memory}");
    }
    if let Some(config) = &state.config {
        println!("config: {config}");
        println!("supervised: {}", state.supervised);
    }
    Ok(ExitCode::SUCCESS)
}
