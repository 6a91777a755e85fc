//! `unusedN`: volumes that belong to the container and are mounted nowhere.

use pve_config::schema::find_option;
use pve_config::{Document, Properties, Section};

use super::Refusal;
use super::section;

/// The keys and volumes of the `unusedN` of a section.
pub(super) fn list(document: &Document, section: &Section) -> Vec<(String, String)> {
    document
        .options(section)
        .filter(|option| section::is_unused(option.key))
        .filter_map(|option| {
            let parts = Properties::parse(find_option(option.key).ok()?, option.value);
            Some((option.key.to_owned(), parts.get("volume")?.to_owned()))
        })
        .collect()
}

/// Adds a volume under the lowest free number to the snapshot `name`, or to the main section for `None`. One that is
/// there already is not added again.
pub(super) fn add(
    document: &mut Document,
    name: Option<&str>,
    volume: &str,
) -> Result<(), Refusal> {
    let section = match name {
        Some(name) => section::get(document, name)?,
        None => document.main(),
    };
    if list(document, section).iter().any(|(_, other)| other == volume) {
        return Ok(());
    }
    let count = find_option("unused0").map_or(0, |option| option.count);
    let key = (0..count)
        .map(|index| format!("unused{index}"))
        .find(|key| document.option(section, key).is_none())
        .ok_or(Refusal::TooManyUnused)?;
    document.set(name, &key, volume)?;
    Ok(())
}
