//! What a line that is neither option, comment nor section was meant to be.

use crate::diagnostic::Diagnostic;
use crate::schema::{OptionDef, find, quote};
use std::ops::Range;

/// The diagnostic for a line that does not match the grammar. `span` is the line in the text.
pub(super) fn explain(line: &str, span: Range<usize>, table: &'static [OptionDef]) -> Diagnostic {
    let text = line.trim_end();
    let indent = text.len() - text.trim_start().len();
    let place = |range: Range<usize>| span.start + range.start..span.start + range.end;
    let error = |range, message: &str| Diagnostic::error("syntax", place(range), message);
    let body = &text[indent..];
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        return error(0..text.len() - rest.len(), "a byte order mark is no part of the text")
            .label("remove this invisible character")
            .help("save the file as UTF-8 without BOM");
    }
    if body.starts_with('[') {
        return error(indent..text.len(), "this is no section header")
            .label("expected `[NAME]` and nothing else in the line");
    }
    if indent > 0 {
        let message = if body.starts_with('#') {
            "a comment begins in the first column"
        } else {
            "an option begins in the first column"
        };
        return error(0..indent, message).label("remove this white space");
    }
    let word = text.find([':', '=', ' ', '\t']).unwrap_or(text.len());
    let key = &text[..word];
    let rest = text[word..].trim_start();
    let gap = text.len() - rest.len();
    let is_key =
        find(table, key).is_ok() || key.strip_prefix("lxc.").is_some_and(|rest| !rest.is_empty());
    if rest.starts_with(':') && gap > word && !key.is_empty() {
        return error(word..gap, "no white space may stand before the colon")
            .label("remove this white space");
    }
    if rest.starts_with('=') && !key.is_empty() {
        return error(gap..gap + 1, "an option is written `KEY: VALUE`")
            .label("expected `:`")
            .help(if is_key {
                format!("write {}", quote(&format!("{key}: {}", rest[1..].trim())))
            } else {
                "only `lxc.*` keys take `=`".into()
            });
    }
    if rest.is_empty() && is_key {
        return error(word..word, "the value is missing").label("expected `: VALUE`");
    }
    if is_key {
        return error(word..gap.max(word + 1).min(text.len()), "the colon is missing")
            .label("expected `:`");
    }
    error(0..text.len(), "this is no option, comment or section header")
        .label("expected `KEY: VALUE`")
        .help("a comment begins with `#`")
}
