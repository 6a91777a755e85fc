//! What all operations share: the text as it was last saved, and a step that edits and saves it.

use pve_config::Document;

use super::{Cause, Error, Guest, Outcome, Parts, Refusal, Request, Save, Step, Volumes};

/// An operation under way.
pub(super) struct Machine<'a> {
    pub request: &'a Request<'a>,
    pub volumes: &'a mut dyn Volumes,
    pub guest: &'a mut dyn Guest,
    file: &'a mut dyn Save,
    text: String,
    has_saved: bool,
    warnings: Vec<String>,
}

impl<'a> Machine<'a> {
    pub fn new(request: &'a Request<'a>, text: &str, parts: Parts<'a>) -> Self {
        let Parts { volumes, guest, file } = parts;
        let text = text.to_owned();
        Self { request, volumes, guest, file, text, has_saved: false, warnings: Vec::new() }
    }

    /// The configuration as it is now.
    pub fn document(&self) -> Document {
        Document::parse(self.text.as_str())
    }

    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Edits what the file says now, and saves it. If the edit refuses, nothing is saved. An edit that changes nothing
    /// is no save.
    pub fn step<T>(
        &mut self,
        step: Step,
        edit: impl FnOnce(&mut Document) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let file = |source: Cause| Error::File { step, source };
        if let Some(text) = self.file.load().map_err(file)? {
            self.text = text;
        }
        let mut document = self.document();
        let result = edit(&mut document).map_err(|source| self.refused(step, source))?;
        if document.text() != self.text {
            self.file.save(document.text()).map_err(file)?;
            document.text().clone_into(&mut self.text);
            self.has_saved = true;
        }
        Ok(result)
    }

    /// A check that failed: with its step, once there is something that was left undone.
    pub fn refused(&self, step: Step, source: Refusal) -> Error {
        if self.has_saved { Error::Interrupted { step, source } } else { Error::Refused(source) }
    }

    pub fn end(self, result: Result<(), Error>) -> Outcome {
        Outcome { text: self.text, warnings: self.warnings, result }
    }
}
