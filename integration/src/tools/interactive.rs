//! Editors in a terminal, with a person's keys.

use super::screen::Screen;
use super::{Act, Job, Outcome, Tells, Tool};
use std::io;

/// What a person does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Presses a key.
    Key(&'static str),
    /// Types a text.
    Type(&'static str),
    /// Types the new line.
    Line,
    /// Waits until a text can be seen.
    See(&'static str),
}

/// An editor, and how it is used.
#[derive(Debug)]
pub(super) struct Program {
    command: &'static str,
    /// Replaces the line.
    edit: &'static [Step],
    save: &'static [Step],
    /// What can be seen when it was saved. Some editors end then.
    saved: &'static [&'static str],
    /// What can be seen when it was not.
    refused: &'static [&'static str],
    /// Leaves the editor when there is nothing left to save.
    leave: &'static [Step],
    /// Leaves it without saving.
    give_up: &'static [Step],
}

impl Program {
    pub(super) fn run(&self, job: &Job<'_>) -> io::Result<Outcome> {
        let screen = Screen::start(job, self.command)?;
        screen.wait(&["hostname: web"])?;
        let perform = |steps: &[Step]| -> io::Result<()> {
            for step in steps {
                match step {
                    Key(key) => screen.press(key)?,
                    Type(text) => screen.enter(text)?,
                    Line => screen.enter(&job.texts.line)?,
                    See(text) => drop(screen.wait(&[text])?),
                }
            }
            Ok(())
        };
        perform(self.edit)?;
        screen.wait(&[job.texts.line.as_str()])?;
        perform(self.save)?;
        let said = screen.wait(&[self.saved, self.refused].concat())?;
        let told = self.refused.iter().any(|text| said.contains(text));
        if screen.status().is_none() {
            perform(if told { self.give_up } else { self.leave })?;
        }
        screen.wait_end()?;
        Ok(Outcome { status: None, said, told })
    }
}

use Step::{Key, Line, See, Type};

const VIM: Program = Program {
    command: r#"vim -N -u NONE -i NONE "$F""#,
    edit: &[Type(":5"), Key("Enter"), Type("cc"), Line, Key("Escape")],
    save: &[Type(":w"), Key("Enter")],
    saved: &["written"],
    refused: &["E512", "E514", "E667", "E949"],
    leave: &[Type(":q"), Key("Enter")],
    give_up: &[Key("Enter"), Type(":q!"), Key("Enter")],
};
const VIM_WQ: Program = Program { save: &[Type(":wq"), Key("Enter")], saved: &[], ..VIM };
const NANO: Program = Program {
    command: r#"nano --ignorercfiles +5 "$F""#,
    edit: &[Key("C-k"), Line, Key("Enter")],
    save: &[Key("C-o"), See("File Name to Write"), Key("Enter")],
    saved: &["Wrote"],
    refused: &["Error writing"],
    leave: &[Key("C-x")],
    give_up: &[Key("C-x"), See("Save modified buffer"), Type("n")],
};
const NANO_B: Program = Program { command: r#"nano --ignorercfiles -B +5 "$F""#, ..NANO };
const EMACS: Program = Program {
    command: r#"emacs -nw -Q "$F""#,
    edit: &[Key("M-g"), Type("g5"), Key("Enter"), Key("C-k"), Line],
    save: &[Key("C-x"), Key("C-s")],
    saved: &["Wrote"],
    refused: &["Invalid argument", "error:"],
    leave: &[Key("C-x"), Key("C-c")],
    give_up: &[
        Key("C-x"),
        Key("C-c"),
        See("Save file"),
        Type("n"),
        See("exit anyway"),
        Type("yes"),
        Key("Enter"),
    ],
};
const MCEDIT: Program = Program {
    command: r#"mcedit "$F""#,
    edit: &[Key("Down"), Key("Down"), Key("Down"), Key("Down"), Key("C-y"), Line, Key("Enter")],
    save: &[Key("F2"), See("Confirm save file"), Key("Enter")],
    saved: &["[----]"],
    // What it does instead of saying why.
    refused: &["Save As"],
    leave: &[Key("F10")],
    give_up: &[Key("F10"), See("[-M--]"), Key("F10"), See("was modified"), Type("n")],
};
const JOE: Program = Program {
    command: r#"joe "$F""#,
    edit: &[Key("Down"), Key("Down"), Key("Down"), Key("Down"), Key("C-y"), Line, Key("Enter")],
    save: &[Key("C-k"), Type("x")],
    saved: &[],
    refused: &["Error"],
    leave: &[],
    give_up: &[Key("C-c"), See("Lose changes"), Type("y")],
};

pub(super) const TOOLS: &[Tool] = &[
    Tool::new("vim in a terminal, :w :q!", &["tmux", "vim"], Act::Terminal(&VIM)),
    Tool::new("vim in a terminal, :wq", &["tmux", "vim"], Act::Terminal(&VIM_WQ)),
    Tool::new("nano ^O ^X", &["tmux", "nano"], Act::Terminal(&NANO)),
    Tool::new("nano -B", &["tmux", "nano"], Act::Terminal(&NANO_B)).leaves(&["N~"]),
    // What emacs saves by itself stays when the text is given up.
    Tool::new("emacs -nw C-x C-s", &["tmux", "emacs"], Act::Terminal(&EMACS))
        .leaves(&["N~", "#N#"]),
    Tool::new("mcedit F2", &["tmux", "mcedit"], Act::Terminal(&MCEDIT)).in_parts(),
    Tool::new("joe ^KX", &["tmux", "joe"], Act::Terminal(&JOE))
        .tells(Tells::Writing)
        .in_parts()
        .leaves(&["N~"]),
];
