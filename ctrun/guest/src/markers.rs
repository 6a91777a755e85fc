//! The part of a file that is ours: the lines between `# --- BEGIN PVE ---` and `# --- END PVE ---`.

use crate::root::{Result, Root};
use crate::text::end_line;

/// First line of our part.
pub(crate) const BEGIN: &str = "# --- BEGIN PVE ---\n";
/// Last line of our part.
pub(crate) const END: &str = "# --- END PVE ---\n";

/// Where our part goes in a file that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// It replaces the whole file.
    Replace,
    /// It goes to the end.
    Append,
}

fn marker(line: &str, word: &str) -> bool {
    let strip = |text: &str| {
        let rest = text.trim_start().strip_prefix("---")?.trim_start();
        let (found, rest) = rest.split_at_checked(word.len())?;
        let same = if word == "END" { found.eq_ignore_ascii_case(word) } else { found == word };
        let name = rest.trim_start().get(..3)?;
        Some(same && if word == "END" { name.eq_ignore_ascii_case("PVE") } else { name == "PVE" })
    };
    line.strip_prefix('#').and_then(strip).unwrap_or(false)
}

pub(crate) fn is_begin(line: &str) -> bool {
    marker(line, "BEGIN")
}

pub(crate) fn is_end(line: &str) -> bool {
    marker(line, "END")
}

/// The text without our parts, and where the first of them began.
pub(crate) fn without(text: &str) -> (String, Option<usize>) {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let (rest, at) = without_lines(&lines);
    (rest.concat(), at.map(|at| rest[..at].iter().map(|line| line.len()).sum()))
}

/// The lines without our parts, and how many were before the first of them. A begin without end is only that line: what
/// follows it may be the guest's.
pub(crate) fn without_lines<'a>(lines: &[&'a str]) -> (Vec<&'a str>, Option<usize>) {
    let mut rest = Vec::with_capacity(lines.len());
    let mut at = None;
    let mut n = 0;
    while n < lines.len() {
        if !is_begin(lines[n]) {
            rest.push(lines[n]);
            n += 1;
            continue;
        }
        at.get_or_insert(rest.len());
        let more =
            lines[n + 1..].iter().take_while(|line| !is_begin(line) && !is_end(line)).count();
        let end = n + 1 + more;
        n = if lines.get(end).is_some_and(|line| is_end(line)) { end + 1 } else { n + 1 };
    }
    (rest, at)
}

/// The text with our part holding `data`; without one if that is empty.
pub(crate) fn merge(old: &str, data: &str, place: Where) -> String {
    let (mut text, at) = without(old);
    if data.is_empty() {
        return text;
    }
    let mut part = format!("{BEGIN}{data}");
    end_line(&mut part);
    part.push_str(END);
    match (at, place) {
        (Some(at), _) => text.insert_str(at, &part),
        (None, Where::Replace) => return part,
        (None, Where::Append) => {
            end_line(&mut text);
            text.push_str(&part);
        }
    }
    text
}

/// Plans our part of a file. A file that does not exist is made if there is data.
pub(crate) fn modify(root: &mut Root, path: &str, data: &str, place: Where) -> Result<()> {
    root.edit(path, 0o644, |old| match old {
        None if data.is_empty() => None,
        old => Some(merge(old.unwrap_or(""), data, place)),
    })
}

/// Like [`modify`], and plans that a file goes that would hold nothing any more.
pub(crate) fn modify_or_remove(root: &mut Root, path: &str, data: &str) -> Result<()> {
    let old = if root.ignored(path) { None } else { root.text(path)? };
    let only_ours = old.is_some_and(|old| {
        let (rest, at) = without(&old);
        at.is_some() && rest.trim().is_empty()
    });
    if data.is_empty() && only_ours {
        return root.remove(path);
    }
    modify(root, path, data, Where::Append)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: &str = "# --- BEGIN PVE ---\nnew\n# --- END PVE ---\n";

    #[test]
    fn markers_are_known_in_all_spellings() {
        assert!(
            is_begin("# --- BEGIN PVE ---\n")
                && is_begin("#---BEGINPVE")
                && is_begin("# --- BEGIN PVE x\r\n")
        );
        assert!(!is_begin(" # --- BEGIN PVE ---") && !is_begin("# --- begin PVE ---"));
        assert!(is_end("# --- end pve ---\n") && !is_end("# --- END") && !is_end("# \u{e9}"));
    }

    #[test]
    fn a_part_is_replaced_where_it_stands() {
        let old = "a\n# --- BEGIN PVE ---\nold\n# --- END PVE ---\nb\r\n";
        assert_eq!(merge(old, "new\n", Where::Replace), format!("a\n{PART}b\r\n"));
        assert_eq!(merge(old, "", Where::Append), "a\nb\r\n");
    }

    #[test]
    fn a_new_part_goes_where_it_is_told() {
        assert_eq!(merge("a", "new", Where::Append), format!("a\n{PART}"));
        assert_eq!(merge("a\n", "new", Where::Replace), PART);
        assert_eq!(merge("", "new", Where::Append), PART);
    }

    #[test]
    fn nothing_of_the_guest_is_lost_to_a_missing_end() {
        let once = merge("# --- BEGIN PVE ---\nmine\n", "new", Where::Append);
        assert_eq!(once, format!("{PART}mine\n"));
        assert_eq!(merge(&once, "new", Where::Append), once);
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_stable_after_one_merge(old in "(a\n|b\r\n|# --- (BEGIN|END|end) PVE ---\n|\n){0,9}(x|# --- BEGIN PVE ---)?") {
            for place in [Where::Append, Where::Replace] {
                for data in ["new\n", ""] {
                    let once = merge(&old, data, place);
                    proptest::prop_assert_eq!(merge(&once, data, place), once);
                }
            }
        }
    }

    #[test]
    fn a_second_part_goes() {
        let old = format!("{PART}mine\n# --- BEGIN PVE ---\nx\n# --- END PVE ---\n");
        assert_eq!(merge(&old, "new", Where::Append), format!("{PART}mine\n"));
    }
}
