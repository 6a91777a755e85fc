//! The one table of everything that can be written in the files.
//!
//! Validation, `pvefs explain`, the manual pages, completion and the command line options of `pct` are made from it;
//! nothing else in the code base lists options.

mod container;
mod datacenter;
mod format;
mod lxc;
mod storage;

pub use container::OPTIONS;
pub use datacenter::DATACENTER;
pub use format::{Format, ValueProblem, format_size, parse_boolean, parse_size};
pub(crate) use format::{PROBLEMS_MAX, PROPERTIES_MAX, parts, quote};
pub(crate) use format::{parse_cidr, parse_id, properties};
pub use lxc::{LXC_ALIASES, LXC_KEYS, LXC_REFUSED, LxcAlias, LxcKey, find_lxc};
pub(crate) use storage::COMMON as STORAGE_COMMON;
pub use storage::{STORAGE_KEYS, STORAGE_TYPES, StorageType, storage_type};

/// When a change of an option reaches a running container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotPlug {
    /// The running container follows at once.
    Live,
    /// At the next start.
    NextStart,
    /// There is nothing to change in a running container: commands read the file when they need it.
    Recorded,
    /// Set once, when the container is created.
    AtCreate,
}

impl HotPlug {
    /// The rule as a sentence for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Live => "a running container follows at once",
            Self::NextStart => "takes effect at the next start",
            Self::Recorded => {
                "takes effect when it is next read; nothing to change in a running container"
            }
            Self::AtCreate => "set when the container is created; not to be changed afterwards",
        }
    }
}

/// One option, or one sub-option of a property string.
#[derive(Debug)]
pub struct OptionDef {
    /// Its key. For a numbered option the part before the number.
    pub name: &'static str,
    /// How many there can be of a numbered option (`net0` to `net31`: 32); 0 if it has no number.
    pub count: u16,
    /// What its value looks like.
    pub format: Format,
    /// What holds when it is not there.
    pub default: Option<&'static str>,
    /// Whether it must be there (sub-options only).
    pub required: bool,
    /// Whether its key may be left out (sub-options only).
    pub bare: bool,
    /// When a change reaches a running container.
    pub hotplug: HotPlug,
    /// What it does, in one line.
    pub help: &'static str,
    /// A value that is valid.
    pub example: &'static str,
}

impl OptionDef {
    /// The key as documentation writes it: `net[n]` for a numbered option.
    pub fn title(&self) -> String {
        if self.count > 0 { format!("{}[n]", self.name) } else { self.name.to_owned() }
    }

    /// The sub-options, for an option whose value is a property string.
    pub fn properties(&self) -> &'static [OptionDef] {
        match &self.format {
            Format::Properties(properties) => properties,
            _ => &[],
        }
    }

    /// The sub-option `name`.
    pub fn property(&self, name: &str) -> Option<&'static OptionDef> {
        self.properties().iter().find(|property| property.name == name)
    }

    /// The sub-option that is meant by a value without a key.
    pub fn default_property(&self) -> Option<&'static OptionDef> {
        self.properties().iter().find(|property| property.bare)
    }
}

pub(crate) const fn option(
    name: &'static str,
    format: Format,
    default: Option<&'static str>,
    hotplug: HotPlug,
    example: &'static str,
    help: &'static str,
) -> OptionDef {
    OptionDef {
        name,
        count: 0,
        format,
        default,
        required: false,
        bare: false,
        hotplug,
        help,
        example,
    }
}

pub(crate) const fn numbered(count: u16, option: OptionDef) -> OptionDef {
    OptionDef { count, ..option }
}

pub(crate) const fn required(option: OptionDef) -> OptionDef {
    OptionDef { required: true, ..option }
}

/// The same where the key may be left out: `local:8,size=8G` for `volume=local:8,size=8G`.
pub(crate) const fn bare(option: OptionDef) -> OptionDef {
    OptionDef { bare: true, ..option }
}

/// Why a key is no option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// No option has this name.
    Unknown,
    /// The option takes numbers only up to this one.
    IndexOutOfRange {
        /// The option.
        name: &'static str,
        /// Its highest number.
        last: u16,
    },
    /// The option takes a number, and the key has none, or one with leading zeros.
    BadIndex {
        /// The option.
        name: &'static str,
        /// Its highest number.
        last: u16,
    },
}

/// Splits a key such as `net12` in the option's name and its number.
pub fn split_index(key: &str) -> (&str, Option<u16>) {
    let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &key[name.len()..];
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return (name, None);
    }
    (name, digits.parse().ok())
}

/// Finds a key in a table of options.
///
/// # Errors
/// Says why there is no such option.
pub fn find<'t>(table: &'t [OptionDef], key: &str) -> Result<&'t OptionDef, KeyProblem> {
    if let Some(option) = table.iter().find(|option| option.count == 0 && option.name == key) {
        return Ok(option);
    }
    let (name, index) = split_index(key);
    let option = table
        .iter()
        .find(|option| option.count > 0 && option.name == name)
        .ok_or(KeyProblem::Unknown)?;
    let last = option.count - 1;
    match index {
        Some(index) if index <= last => Ok(option),
        Some(_) => Err(KeyProblem::IndexOutOfRange { name: option.name, last }),
        None if key.len() - name.len() > 4 => {
            Err(KeyProblem::IndexOutOfRange { name: option.name, last })
        }
        None => Err(KeyProblem::BadIndex { name: option.name, last }),
    }
}

/// Finds the container option that a key of `<CTID>.conf` means.
///
/// # Errors
/// Says why there is no such option.
pub fn find_option(key: &str) -> Result<&'static OptionDef, KeyProblem> {
    find(OPTIONS, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_options_are_found_within_their_range() {
        assert_eq!(find_option("net31").unwrap().name, "net");
        assert_eq!(find_option("mp0").unwrap().name, "mp");
        assert_eq!(
            find_option("net32").unwrap_err(),
            KeyProblem::IndexOutOfRange { name: "net", last: 31 }
        );
        assert_eq!(
            find_option("mp00").unwrap_err(),
            KeyProblem::BadIndex { name: "mp", last: 255 }
        );
        assert_eq!(find_option("net").unwrap_err(), KeyProblem::BadIndex { name: "net", last: 31 });
        assert!(matches!(
            find_option("mp99999999999999999999").unwrap_err(),
            KeyProblem::IndexOutOfRange { .. }
        ));
        assert_eq!(find_option("memroy").unwrap_err(), KeyProblem::Unknown);
        assert_eq!(find_option("memory1").unwrap_err(), KeyProblem::Unknown);
    }

    #[test]
    fn every_example_in_the_tables_is_valid() {
        fn all(table: &'static [OptionDef]) {
            for option in table {
                let problems = option.format.problems(option.example);
                assert!(
                    problems.is_empty(),
                    "{}: {}: {problems:?}",
                    option.title(),
                    option.example
                );
                if let Some(default) = option.default {
                    let problems = option.format.problems(default);
                    assert!(problems.is_empty(), "{}: {default}: {problems:?}", option.title());
                }
                assert!(!option.help.ends_with('.') && !option.help.is_empty(), "{}", option.name);
                all(option.properties());
            }
        }
        all(OPTIONS);
        all(DATACENTER);
        all(STORAGE_KEYS);
    }
}
