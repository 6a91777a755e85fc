//! `pvefs explain`: what an option means, from the option table.

use crate::cli::{CliError, OutputFormat, written};
use pve_config::schema::{
    DATACENTER, LXC_ALIASES, LXC_KEYS, LXC_REFUSED, LxcKey, OPTIONS, OptionDef, STORAGE_KEYS,
    STORAGE_TYPES, StorageType, find, find_lxc, storage_type,
};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Say what an option means: its values, its default, when a change takes effect
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without KEY, all options of CTID.conf are listed; `lxc`, `storage` and `datacenter` list the others."
)]
pub struct Args {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    output_format: OutputFormat,
    /// The option, such as memory, net0, net0.ip, lxc.init.cmd, storage.dir, storage.path or datacenter.ha
    #[arg(value_name = "KEY[.SUBKEY]")]
    key: Option<String>,
}

/// One option as it is explained.
#[derive(Serialize)]
struct Explanation {
    key: String,
    help: String,
    values: String,
    default: Option<String>,
    required: bool,
    hotplug: String,
    example: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn of_option(option: &OptionDef, prefix: &str) -> Explanation {
    let key = format!("{prefix}{}", option.title());
    let example = if prefix.contains("[n].") || (!prefix.is_empty() && prefix.ends_with('.')) {
        format!("{}={}", option.name, option.example)
    } else {
        let number = if option.count > 0 { "0" } else { "" };
        format!("{}{number}: {}", option.name, option.example)
    };
    let numbers =
        (option.count > 0).then(|| format!("{0}0 to {0}{1}", option.name, option.count - 1));
    Explanation {
        help: option.help.to_owned(),
        values: option.format.expected(),
        default: option.default.map(str::to_owned),
        required: option.required,
        hotplug: option.hotplug.describe().to_owned(),
        example,
        properties: option
            .properties()
            .iter()
            .map(|part| of_option(part, &format!("{key}.")))
            .collect(),
        note: numbers,
        key,
    }
}

fn of_lxc(key: &LxcKey) -> Explanation {
    let mut notes = Vec::new();
    let old: Vec<_> =
        LXC_ALIASES.iter().filter(|alias| alias.new == key.name).map(|alias| alias.old).collect();
    if !old.is_empty() {
        notes.push(format!("old name: {}", old.join(", ")));
    }
    if let Some(option) = key.option {
        notes.push(format!("the option {option} says this too"));
    }
    let is_family = key.name.ends_with('.');
    Explanation {
        key: if is_family { format!("{}*", key.name) } else { key.name.to_owned() },
        help: key.help.to_owned(),
        values: key.format.expected(),
        default: None,
        required: false,
        hotplug: key.hotplug.describe().to_owned(),
        example: String::new(),
        properties: Vec::new(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

fn of_storage(kind: &StorageType) -> Explanation {
    let mut properties = Vec::new();
    for (names, required) in [(kind.required, true), (kind.optional, false)] {
        for option in names.iter().filter_map(|name| find(STORAGE_KEYS, name).ok()) {
            let explained = of_option(option, &format!("storage.{}.", kind.name));
            properties.push(Explanation {
                required,
                example: format!("{} {}", option.name, option.example),
                ..explained
            });
        }
    }
    Explanation {
        key: format!("storage.{}", kind.name),
        help: kind.help.to_owned(),
        values: format!("`{}: NAME` and indented properties below", kind.name),
        default: None,
        required: false,
        hotplug: "takes effect when it is next read".to_owned(),
        example: format!("{}: store1", kind.name),
        properties,
        note: Some(format!(
            "can hold {}; {} if nothing is said",
            kind.content.join(", "),
            kind.default_content
        )),
    }
}

fn in_table(table: &'static [OptionDef], key: &str, prefix: &str) -> Option<Explanation> {
    let (name, part) = key.split_once('.').map_or((key, None), |(name, part)| (name, Some(part)));
    let name = name.strip_suffix("[n]").unwrap_or(name);
    let option = find(table, name)
        .ok()
        .or_else(|| table.iter().find(|option| option.count > 0 && option.name == name))?;
    match part {
        None => Some(of_option(option, prefix)),
        Some(part) => option
            .property(part)
            .map(|found| of_option(found, &format!("{prefix}{}.", option.title()))),
    }
}

fn find_all(key: Option<&str>) -> Result<Vec<Explanation>, CliError> {
    let all = |table: &'static [OptionDef], prefix: &str| {
        table.iter().map(|option| of_option(option, prefix)).collect()
    };
    let found = match key {
        None => return Ok(all(OPTIONS, "")),
        Some("lxc") => return Ok(LXC_KEYS.iter().map(of_lxc).collect()),
        Some("storage") => return Ok(STORAGE_TYPES.iter().map(of_storage).collect()),
        Some("datacenter") => return Ok(all(DATACENTER, "datacenter.")),
        Some(key) if key.starts_with("lxc.") => {
            match LXC_REFUSED.iter().find(|(name, _)| *name == key) {
                Some((_, reason)) => {
                    return Err(CliError::new(format!("{key} is not taken: {reason}")));
                }
                // A family itself is explained too, `lxc.cgroup2.`; as a key in a file it would be none.
                None => LXC_KEYS
                    .iter()
                    .find(|found| found.name == key)
                    .or_else(|| find_lxc(key).map(|(found, _)| found))
                    .map(of_lxc),
            }
        }
        Some(key) => match (key.strip_prefix("storage."), key.strip_prefix("datacenter.")) {
            (Some(key), _) => storage_type(key)
                .map(of_storage)
                .or_else(|| in_table(STORAGE_KEYS, key, "storage.")),
            (_, Some(key)) => in_table(DATACENTER, key, "datacenter."),
            _ => in_table(OPTIONS, key, ""),
        },
    };
    let unknown = || {
        CliError::new(format!("there is no option {}", key.unwrap_or_default()))
            .hint("`pvefs explain` lists all options")
    };
    found.map(|found| vec![found]).ok_or_else(unknown)
}

/// The whole explanation of one option.
fn long(found: &Explanation) -> String {
    let mut text = format!("{}: {}\n\n", found.key, found.help);
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    row("Values", &found.values);
    if let Some(default) = &found.default {
        row("Default", default);
    }
    if found.required {
        row("Required", "yes");
    }
    row("Change", &found.hotplug);
    if !found.example.is_empty() {
        row("Example", &found.example);
    }
    if let Some(note) = &found.note {
        row("Note", note);
    }
    if !found.properties.is_empty() {
        text.push_str("\nSub-options:\n");
        text.push_str(&table(&found.properties));
    }
    text
}

/// One line for each option.
fn table(all: &[Explanation]) -> String {
    let name = |found: &Explanation| {
        found
            .key
            .rsplit_once('.')
            .filter(|_| !found.key.starts_with("lxc."))
            .map_or(found.key.clone(), |(_, name)| name.to_owned())
    };
    let width = all.iter().map(|found| name(found).len()).max().unwrap_or(0);
    all.iter().fold(String::new(), |mut text, found| {
        let required = if found.required { " (required)" } else { "" };
        let _ = writeln!(text, "  {:<width$}  {}{required}", name(found), found.help);
        text
    })
}

/// Prints what an option means.
///
/// # Errors
/// When there is no such option, or stdout cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let all = find_all(args.key.as_deref())?;
    let text = match (args.output_format, all.as_slice()) {
        (OutputFormat::Json, all) => {
            serde_json::to_string_pretty(all).map_err(CliError::new)? + "\n"
        }
        (OutputFormat::Text, [one]) => long(one),
        (OutputFormat::Text, many) => table(many),
    };
    written(std::io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_and_sub_option_can_be_explained() {
        let mut count = 0;
        for option in OPTIONS {
            let found = find_all(Some(&option.title())).unwrap();
            assert!(long(&found[0]).starts_with(&format!("{}: ", option.title())));
            for part in option.properties() {
                let key = format!("{}.{}", option.title(), part.name);
                assert_eq!(find_all(Some(&key)).unwrap()[0].key, key);
                count += 1;
            }
        }
        assert!(count > 50, "{count}");
        assert_eq!(find_all(Some("net3.tag")).unwrap()[0].key, "net[n].tag");
        for key in LXC_KEYS {
            assert_eq!(find_all(Some(key.name)).unwrap()[0].help, key.help);
        }
        for kind in STORAGE_TYPES {
            assert_eq!(
                find_all(Some(&format!("storage.{}", kind.name))).unwrap()[0].help,
                kind.help
            );
        }
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        for key in
            ["memroy", "net32", "net0.bogus", "lxc.bogus", "storage.bogus", "lxc.rootfs.path"]
        {
            assert!(find_all(Some(key)).is_err(), "{key}");
        }
    }
}
