//! What holds for any two valid configurations.

use super::generate::{document, pair};
use super::model::Model;
use super::*;
use crate::check::{FileKind, check};
use crate::config::Config;
use crate::diff::diff;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What `wanted` is after a start, but for what waits: that is as it was.
fn expected(plan: &Plan, before: &Model, wanted: &Config<'_>) -> Model {
    let mut model = Model::start(wanted);
    for (step, _) in plan.waiting() {
        let key = step.options[0].as_str();
        match (key, &step.action) {
            (_, Action::AddMount { .. }) => {
                model.mounts.remove(key);
            }
            ("tty", _) => model.tty = before.tty,
            ("rootfs", _) => {
                let is_other = step.properties.is_empty() || step.properties.contains(&"volume");
                match (&mut model.root, &before.root) {
                    (Some(new), Some(old)) if !is_other => keep(step, old, new),
                    (new, old) => new.clone_from(old),
                }
            }
            (key, _) => {
                if let (Some(new), Some(old)) = (model.mounts.get_mut(key), before.mounts.get(key))
                {
                    keep(step, old, new);
                }
            }
        }
    }
    model
}

fn keep(step: &Step, old: &crate::config::MountPoint, new: &mut crate::config::MountPoint) {
    for property in &step.properties {
        match *property {
            "quota" => new.quota = old.quota,
            "keepattrs" => new.keep_attributes = old.keep_attributes,
            "size" => new.size = old.size,
            "idmap" => new.idmap.clone_from(&old.idmap),
            other => panic!("{other} does not wait"),
        }
    }
}

fn run(applied: &str, wanted: &str) -> Result<(), TestCaseError> {
    let (old, new) = (Document::parse(applied), Document::parse(wanted));
    let (old_config, new_config) = (Config::new(&old, old.main()), Config::new(&new, new.main()));
    let plan = plan((&old, old.main()), (&new, new.main()));
    let before = Model::start(&old_config);
    let mut model = before.clone();
    for step in plan.live() {
        if let Err(refusal) = model.apply(step, &new_config) {
            return Err(TestCaseError::fail(format!(
                "{refusal} at {step:?}\nof {:?}\n{applied}\nto\n{wanted}",
                words(&plan)
            )));
        }
    }
    model.unmounted.clear();
    let expected = expected(&plan, &before, &new_config);
    prop_assert_eq!(&model, &expected, "{:?}\n{}\nto\n{}", words(&plan), applied, wanted);
    // Every change is in the plan, and nothing else is but what lies below a mount that moves.
    let planned: BTreeSet<&str> =
        plan.steps.iter().flat_map(|step| &step.options).map(String::as_str).collect();
    let changes = diff((&old, old.main()), (&new, new.main()));
    let changed: BTreeSet<&str> = changes.iter().map(|change| change.key.as_str()).collect();
    prop_assert!(changed.is_subset(&planned), "{changed:?} {planned:?}");
    for key in planned.difference(&changed) {
        prop_assert!(key.starts_with("mp") || key.starts_with("lxc.cgroup2."), "{key}");
    }
    let is_later: Vec<bool> = plan.steps.iter().map(|step| step.when != When::Live).collect();
    prop_assert!(is_later.is_sorted());
    Ok(())
}

/// Some steps fail. What they block is not tried, nothing else is refused, and the next plan does the rest.
fn stumble(applied: &str, wanted: &str, failing: &[bool]) -> Result<(), TestCaseError> {
    let (old, new) = (Document::parse(applied), Document::parse(wanted));
    let (old_config, new_config) = (Config::new(&old, old.main()), Config::new(&new, new.main()));
    let (old_side, new_side) = ((&old, old.main()), (&new, new.main()));
    let first = plan(old_side, new_side);
    let mut model = Model::start(&old_config);
    let mut failed: Vec<&Step> = Vec::new();
    let mut is_done = vec![false; first.steps.len()];
    for (index, step) in first.steps.iter().enumerate() {
        let fails = failing.get(index).copied().unwrap_or(false);
        if step.when != When::Live {
            continue;
        }
        if fails || failed.iter().any(|other| step.is_blocked_by(other)) {
            failed.push(step);
            continue;
        }
        is_done[index] = true;
        if let Err(refusal) = model.apply(step, &new_config) {
            return Err(TestCaseError::fail(format!(
                "{refusal} at {step:?}\nafter {failed:?}\nof {:?}\n{applied}\nto\n{wanted}",
                words(&first)
            )));
        }
    }
    let now = first.applied(old_side, new_side, |index| is_done[index]);
    let second = plan((&now, now.main()), new_side);
    // Of a volume that is not mounted nobody knows the size.
    model.unmounted.clear();
    let before = model.clone();
    for step in second.live() {
        if let Err(refusal) = model.apply(step, &new_config) {
            return Err(TestCaseError::fail(format!(
                "{refusal} at {step:?}\nof {:?}\nafter {failed:?} of {:?}\n{applied}\nto\n{wanted}\nfrom\n{}",
                words(&second),
                words(&first),
                now.text()
            )));
        }
    }
    let expected = expected(&second, &before, &new_config);
    model.unmounted.clear();
    let shown = (words(&first), &failed, words(&second), now.text());
    prop_assert_eq!(&model, &expected, "{:#?}\n{}\nto\n{}", shown, applied, wanted);
    let last = second.applied((&now, now.main()), new_side, |_| true);
    let third = plan((&last, last.main()), new_side);
    prop_assert!(third.live().next().is_none(), "{third:?}\n{}", last.text());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_plan_leads_to_what_a_start_would_make((applied, wanted) in pair()) {
        run(&applied, &wanted)?;
        run(&wanted, &applied)?;
    }

    #[test]
    fn what_fails_is_done_by_the_next_plan(
        (applied, wanted) in pair(),
        failing in prop::collection::vec(prop::bool::weighted(0.3), 30),
    ) {
        stumble(&applied, &wanted, &failing)?;
        stumble(&applied, &wanted, &[])?;
    }

    #[test]
    fn nothing_is_to_be_done_for_the_same(text in document()) {
        let report = check(FileKind::Container(Some(100)), text.as_bytes());
        prop_assert!(!report.is_refused(), "the generator makes valid files: {report:?}\n{text}");
        prop_assert!(plan_of(&text, &text).is_empty());
        run("", &text)?;
        run(&text, "")?;
    }

    #[test]
    fn any_two_texts_have_a_plan(one in "(\\PC{0,12}\n|(memory|net0|mp0|dev0|rootfs|lxc.cgroup2.x): ?\\PC{0,20}\n){0,6}",
                                 two in "(\\PC{0,12}\n|(memory|net0|mp0|dev0|rootfs|lxc.cgroup2.x): ?\\PC{0,20}\n){0,6}") {
        let plan = plan_of(&one, &two);
        prop_assert!(plan.steps.iter().all(|step| !step.options.is_empty()));
        prop_assert!(plan_of(&one, &one).is_empty());
    }
}
