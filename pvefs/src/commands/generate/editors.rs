//! Files for Vim and nano.

use pve_config::schema::{OPTIONS, OptionDef};

/// A regular expression for all keys, in the dialect of Vim's "very magic" and of POSIX alike.
fn keys() -> String {
    let key = |option: &OptionDef| {
        if option.count > 0 { format!("{}[0-9]+", option.name) } else { option.name.to_owned() }
    };
    let mut keys: Vec<_> = OPTIONS.iter().map(key).collect();
    keys.sort();
    format!("({})", keys.join("|"))
}

/// Folder, name and content of each file.
pub(super) fn vim() -> [(&'static str, &'static str, String); 3] {
    let syntax = format!(
        r#"" Vim syntax file for <CTID>.conf of pvefs. Made by `pvefs generate vim`.
if exists("b:current_syntax")
  finish
endif
syntax match pveUnknown /\v^[^#\[ \t].*/
syntax match pveKey /\v^{keys}\ze:/ nextgroup=pveSeparator
syntax match pveRawKey /\v^lxc\.[a-zA-Z0-9_.-]+\ze(:|\s*\=)/ nextgroup=pveSeparator
syntax match pveSeparator /\v\s*[:=]/ contained nextgroup=pveValue skipwhite
syntax match pveValue /.*/ contained contains=pveSubKey,pveNumber
syntax match pveSubKey /\v[a-zA-Z][a-zA-Z0-9_-]*\ze\=/ contained
syntax match pveNumber /\v<[0-9]+([KMGT])?>/ contained
syntax match pveComment /^#.*/
syntax match pveSection /\v^\[[^\]]*\]\s*$/
highlight default link pveUnknown Error
highlight default link pveKey Identifier
highlight default link pveRawKey Special
highlight default link pveSubKey Type
highlight default link pveNumber Number
highlight default link pveComment Comment
highlight default link pveSection Title
let b:current_syntax = "pveconf"
"#,
        keys = keys()
    );
    let detect = r#"" Made by `pvefs generate vim`.
autocmd BufRead,BufNewFile */lxc/[1-9]*.conf setfiletype pveconf
autocmd FileType pveconf setlocal commentstring=#%s
autocmd FileType pveconf compiler pvefs
"#;
    let compiler = r#"" Vim compiler file for pvefs: after a refused save, :make jumps to the mistake. Made by `pvefs generate vim`.
if exists("current_compiler")
  finish
endif
let current_compiler = "pvefs"
if exists(":CompilerSet") != 2
  command -nargs=* CompilerSet setlocal <args>
endif
CompilerSet makeprg=pvefs\ check\ --rejected\ --output-format\ short\ %:S
CompilerSet errorformat=%f:%l:%c:\ %trror:\ %m,%f:%l:%c:\ %tarning:\ %m,%f:%l:%c:\ %tote:\ %m
"#;
    [
        ("syntax", "pveconf.vim", syntax),
        ("ftdetect", "pveconf.vim", detect.to_owned()),
        ("compiler", "pvefs.vim", compiler.to_owned()),
    ]
}

/// The syntax file of nano.
pub(super) fn nano() -> String {
    format!(
        r##"## Syntax of <CTID>.conf of pvefs. Made by `pvefs generate nano`.
syntax pveconf "/lxc/[1-9][0-9]*\.conf$"
comment "#"
color brightred "^[^#[].*"
color normal ":.*"
color green "^{keys}:"
color green "^lxc\.[a-zA-Z0-9_.-]+ *[:=]"
color yellow "[,: ][a-z][a-zA-Z0-9_-]*="
color cyan "^#.*"
color magenta "^\[[^]]*\]"
"##,
        keys = keys()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_known_to_the_editors() {
        let [(_, _, syntax), ..] = vim();
        for text in [&syntax, &nano()] {
            assert!(text.contains("|memory|") && text.contains("|mp[0-9]+|"), "{text}");
        }
    }
}
