//! `ctrun freeze` and `ctrun thaw`.

use std::process::ExitCode;

use super::{Error, running};
use crate::cgroup;
use crate::ctid::Ctid;
use crate::settings::Settings;

pub fn freeze(settings: &Settings, id: Ctid, frozen: bool) -> Result<ExitCode, Error> {
    let (record, _init) = running(settings, id)?;
    cgroup::state::freeze(&record.cgroups, frozen)?;
    Ok(ExitCode::SUCCESS)
}
