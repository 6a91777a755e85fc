//! Editors that need no terminal, and programs that edit by themselves.

use super::{Edit, Tool};

macro_rules! vim {
    ($program:literal, $set:literal) => {
        // What is quoted with # has none in it.
        concat!(
            $program,
            r#" -N -u NONE -i NONE -es -c ""#,
            $set,
            r##"" -c "%s#^memory: .*#$LINE#" -c 'wq' "$F" < /dev/null"##
        )
    };
}

macro_rules! emacs {
    ($set:literal) => {
        concat!(
            r#"emacs --batch -Q --eval "(progn "#,
            $set,
            r#" (find-file (getenv \"F\")) (re-search-forward \"^memory: .*\")
(replace-match (getenv \"LINE\") t t) (save-buffer))""#
        )
    };
}

/// A tool that changes the line where it stands.
const fn edit(name: &'static str, programs: &'static [&'static str], script: &'static str) -> Tool {
    Tool::script(name, programs, script).edit(Edit::Change)
}

pub(super) const TOOLS: &[Tool] = &[
    edit("sed -i", &[], r#"sed -i "s#^memory: .*#$LINE#" "$F""#),
    edit("sed -i.bak", &[], r#"sed -i.bak "s#^memory: .*#$LINE#" "$F""#).leaves(&["N.bak"]),
    edit("perl -pi -e", &["perl"], r#"perl -pi -e 's/^memory: .*/$ENV{LINE}/' "$F""#),
    edit("perl -i.bak", &["perl"], r#"perl -i.bak -pe 's/^memory: .*/$ENV{LINE}/' "$F""#)
        .leaves(&["N.bak"]),
    edit("vim -es", &["vim"], vim!("vim", "set nobackup")),
    edit("vim -es backupcopy=yes", &["vim"], vim!("vim", "set backupcopy=yes")),
    edit("vim -es backupcopy=no", &["vim"], vim!("vim", "set backupcopy=no")),
    edit("vim -es backupcopy=auto", &["vim"], vim!("vim", "set backup backupcopy=auto"))
        .leaves(&["N~"]),
    edit("vim -es nowritebackup", &["vim"], vim!("vim", "set nowritebackup")),
    edit("vim.tiny -es", &["vim.tiny"], vim!("vim.tiny", "set nobackup")),
    edit("ed", &["ed"], r#"printf 'H\n%sc\n%s\n.\nw\nq\n' "$AT" "$LINE" | ed -s "$F""#),
    edit("emacs batch", &["emacs"], emacs!("")).leaves(&["N~"]),
    edit("emacs backup-by-copying", &["emacs"], emacs!("(setq backup-by-copying t)"))
        .leaves(&["N~"]),
    edit("emacs precious", &["emacs"], emacs!("(setq file-precious-flag t make-backup-files nil)"))
        // When it cannot be renamed, emacs leaves its new file.
        .leaves(&["tmp*"]),
    edit(
        "augtool",
        &["augtool"],
        r#"printf 'set "/files%s/*[. =~ regexp(\"memory: .*\")]" "%s"\nsave\n' "$F" "$LINE" |
augtool --noautoload --transform "Simplelines.lns incl $F""#,
    ),
    Tool::script("crudini", &["crudini"], r#"crudini --set "$F" '' memory "${LINE#*: }""#)
        .edit(Edit::Value),
    Tool::script(
        "crudini --inplace",
        &["crudini"],
        r#"crudini --inplace --set "$F" '' memory "${LINE#*: }""#,
    )
    .edit(Edit::Value),
    Tool::script(
        "configobj",
        &["/usr/bin/python3", "/usr/lib/python3/dist-packages/configobj"],
        r#"/usr/bin/python3 -c '
import configobj, os
config = configobj.ConfigObj(os.environ["F"])
key, value = os.environ["LINE"].split(" = ")
del config["lxc.environment"]
config[key] = value
config.write()'"#,
    )
    .edit(Edit::ChangeIni),
];
