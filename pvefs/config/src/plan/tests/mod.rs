//! Plans: each option, each order, and a model of a running container that every plan must suit.

mod generate;
mod model;
mod options;
mod order;
mod properties;

use super::{Action, Plan, Step, When, plan};
use crate::document::Document;

/// The plan from one text to another.
pub(super) fn plan_of(applied: &str, wanted: &str) -> Plan {
    let (applied, wanted) = (Document::parse(applied), Document::parse(wanted));
    plan((&applied, applied.main()), (&wanted, wanted.main()))
}

/// The name of what a step does.
pub(super) fn kind(action: &Action) -> &'static str {
    match action {
        Action::SetMemory { .. } => "SetMemory",
        Action::SetCpuLimit { .. } => "SetCpuLimit",
        Action::SetCpuUnits { .. } => "SetCpuUnits",
        Action::SetCores { .. } => "SetCores",
        Action::ResetCgroup { .. } => "ResetCgroup",
        Action::SetCgroup { .. } => "SetCgroup",
        Action::SetDeviceRules { .. } => "SetDeviceRules",
        Action::SetResourceLimit { .. } => "SetResourceLimit",
        Action::RemoveMount { .. } => "RemoveMount",
        Action::AddMount { .. } => "AddMount",
        Action::RemountMount { .. } => "RemountMount",
        Action::GrowVolume { .. } => "GrowVolume",
        Action::RemoveDevice { .. } => "RemoveDevice",
        Action::AddDevice { .. } => "AddDevice",
        Action::ChangeDevice { .. } => "ChangeDevice",
        Action::RemoveNet { .. } => "RemoveNet",
        Action::AddNet { .. } => "AddNet",
        Action::ReplugNet { .. } => "ReplugNet",
        Action::ReattachNet { .. } => "ReattachNet",
        Action::SetMtu { .. } => "SetMtu",
        Action::SetRate { .. } => "SetRate",
        Action::SetHostManaged { .. } => "SetHostManaged",
        Action::SetAddress { .. } => "SetAddress",
        Action::SetHostname { .. } => "SetHostname",
        Action::SetDns { .. } => "SetDns",
        Action::SetTimezone { .. } => "SetTimezone",
        Action::SetTty { .. } => "SetTty",
        Action::Record => "Record",
        Action::Restart => "Restart",
    }
}

/// A plan in words: `option Action`, and `(later)` for what waits.
pub(super) fn words(plan: &Plan) -> Vec<String> {
    let words = |step: &Step| {
        let later = if step.when == When::Live { "" } else { " (later)" };
        format!("{} {}{later}", step.options.join("+"), kind(&step.action))
    };
    plan.steps.iter().map(words).collect()
}
