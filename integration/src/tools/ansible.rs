//! Ansible's modules that write files.

use super::{Edit, Tool};

const NEEDS: &[&str] = &["ansible"];

macro_rules! ansible {
    ($module:literal, $args:literal) => {
        concat!(
            r#"export ANSIBLE_HOME="$W/ansible" ANSIBLE_LOCAL_TEMP="$W/ansible/local" ANSIBLE_NOCOLOR=1
ansible localhost -i localhost, -c local -e ansible_python_interpreter=/usr/bin/python3 -m "#,
            $module,
            " -a ",
            $args
        )
    };
}

pub(super) const TOOLS: &[Tool] = &[
    Tool::script("ansible copy", NEEDS, ansible!("copy", r#""src=$NEW dest=$F""#)).creates(),
    Tool::script(
        "ansible copy unsafe_writes",
        NEEDS,
        ansible!("copy", r#""src=$NEW dest=$F unsafe_writes=yes""#),
    ),
    Tool::script(
        "ansible lineinfile",
        NEEDS,
        ansible!(
            "lineinfile",
            r#"'{"path": "'"$F"'", "regexp": "^memory:", "line": "'"$LINE"'"}'"#
        ),
    )
    .edit(Edit::Change),
    Tool::script(
        "ansible template",
        NEEDS,
        ansible!("template", r#""src=$NEW dest=$F mode=0640""#),
    ),
];
