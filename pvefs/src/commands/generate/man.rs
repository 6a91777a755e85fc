//! Manual pages of the file formats.

use pve_config::schema::{
    DATACENTER, LXC_ALIASES, LXC_KEYS, OPTIONS, OptionDef, STORAGE_KEYS, STORAGE_TYPES,
};
use roff::{Roff, bold, italic, roman};

fn page(name: &str, summary: &str) -> Roff {
    let mut page = Roff::new();
    page.control("TH", [name, "5", "", "pvefs", ""]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{name} - {summary}"))]);
    page
}

fn paragraphs(page: &mut Roff, heading: &str, texts: &[&str]) {
    page.control("SH", [heading]);
    for text in texts {
        page.control("PP", []);
        page.text([roman(*text)]);
    }
}

/// One option as a tagged paragraph, its sub-options below it.
fn describe(page: &mut Roff, option: &OptionDef, separator: &str) {
    let default = option.default.map(|value| format!(" (default {value})")).unwrap_or_default();
    page.control("TP", []);
    page.text([
        bold(option.title()),
        roman(separator),
        italic(option.format.expected().replace('`', "")),
        roman(default),
    ]);
    let required = if option.required { " Required." } else { "" };
    page.text([roman(format!(
        "{}. {}.{required}",
        option.help,
        capital(option.hotplug.describe())
    ))]);
    if !option.properties().is_empty() {
        page.control("RS", []);
        for part in option.properties() {
            describe(page, part, "=");
        }
        page.control("RE", []);
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The manual page of `<CTID>.conf`.
pub(super) fn container_page() -> Roff {
    let mut page = page("pct.conf", "configuration of a container");
    paragraphs(
        &mut page,
        "DESCRIPTION",
        &[
            "/etc/pve/lxc/<CTID>.conf describes one container. <CTID> is a number from 100 to 999999999.",
            "Each line is an option, KEY: VALUE, beginning in the first column, or a comment, which begins with #. \
             Blank lines are ignored. The block of comment lines at the head of the file is the container's description.",
            "Values that consist of several sub-options are written KEY=VALUE,KEY=VALUE without spaces. The first \
             sub-option listed for rootfs, mp[n], unused[n], dev[n] and startup may be written without its key.",
            "A section [NAME] holds the configuration at the time of the snapshot NAME. It is a record: a save may add or \
             remove a whole section, and may change parent, snapstate, unused[n] and comments in one, but no other line. \
             The section [pve:pending] holds changes that are applied at the next start.",
        ],
    );
    page.control("SH", ["OPTIONS"]);
    for option in OPTIONS {
        describe(&mut page, option, ": ");
    }
    page.control("SH", ["LXC OPTIONS"]);
    page.text([roman(
        "Options of LXC are written lxc.KEY: VALUE or lxc.KEY = VALUE. They may be there several times and win over \
         the options above.",
    )]);
    for key in LXC_KEYS {
        page.control("TP", []);
        let name =
            if key.name.ends_with('.') { format!("{}*", key.name) } else { key.name.to_owned() };
        page.text([bold(name), roman(": "), italic(key.format.expected().replace('`', ""))]);
        let old: Vec<_> = LXC_ALIASES
            .iter()
            .filter(|alias| alias.new == key.name)
            .map(|alias| alias.old)
            .collect();
        let old =
            if old.is_empty() { String::new() } else { format!(" Old name: {}.", old.join(", ")) };
        page.text([roman(format!("{}. {}.{old}", key.help, capital(key.hotplug.describe())))]);
    }
    paragraphs(
        &mut page,
        "SEE ALSO",
        &["pvefs-check(1), pvefs-explain(1), storage.cfg(5), datacenter.cfg(5)"],
    );
    page
}

/// The manual page of `storage.cfg`.
pub(super) fn storage_page() -> Roff {
    let mut page = page("storage.cfg", "storages for containers");
    paragraphs(
        &mut page,
        "DESCRIPTION",
        &[
            "/etc/pve/storage.cfg lists storages. Each begins with a line TYPE: NAME. Its properties follow on indented \
             lines, KEY VALUE, up to a blank line or the next storage. A flag may be written without a value. Lines that \
             begin with # are comments.",
        ],
    );
    page.control("SH", ["TYPES"]);
    for kind in STORAGE_TYPES {
        page.control("TP", []);
        page.text([bold(kind.name), roman(format!(": {}", kind.help))]);
        let list =
            |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        page.text([roman(format!(
            "Required: {}. Of its own: {}. Holds: {} (default {}).",
            list(kind.required),
            list(kind.optional),
            kind.content.join(", "),
            kind.default_content
        ))]);
    }
    page.control("SH", ["PROPERTIES"]);
    for option in STORAGE_KEYS {
        describe(&mut page, option, " ");
    }
    page
}

/// The manual page of `datacenter.cfg`.
pub(super) fn datacenter_page() -> Roff {
    let mut page = page("datacenter.cfg", "settings of the whole cluster");
    paragraphs(
        &mut page,
        "DESCRIPTION",
        &[
            "/etc/pve/datacenter.cfg holds one option in each line, KEY: VALUE. Lines that begin with # are comments.",
        ],
    );
    page.control("SH", ["OPTIONS"]);
    for option in DATACENTER {
        describe(&mut page, option, ": ");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_config::schema::find;

    #[test]
    fn the_pages_have_every_option() {
        // roff writes a hyphen as \-
        let plain = |page: Roff| page.render().replace("\\-", "-");
        let container = plain(container_page());
        for option in OPTIONS {
            assert!(container.contains(&option.title()), "{}", option.name);
            for part in option.properties() {
                assert!(container.contains(&format!("\\fB{}\\fR=", part.name)), "{}", part.name);
            }
        }
        for key in LXC_KEYS {
            assert!(container.contains(key.name), "{}", key.name);
        }
        let storage = plain(storage_page());
        for kind in STORAGE_TYPES {
            assert!(storage.contains(&format!("\\fB{}\\fR", kind.name)), "{}", kind.name);
            for name in kind.required.iter().chain(kind.optional) {
                assert!(find(STORAGE_KEYS, name).is_ok(), "{}: {name}", kind.name);
            }
        }
    }
}
