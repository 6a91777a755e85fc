//! read.

use crate::fs::handle::Body;
use crate::fs::{Fs, FsError, stage};

impl Fs {
    /// Gives `size` bytes at `offset` of what the handle sees to `reply`.
    ///
    /// # Errors
    /// [`FsError::BadHandle`].
    pub fn read<T>(
        &self,
        fh: u64,
        offset: u64,
        size: usize,
        reply: impl FnOnce(Result<&[u8], FsError>) -> T,
    ) -> T {
        let Some(handle) = self.handles.find(fh) else {
            return reply(Err(FsError::BadHandle(fh)));
        };
        match &handle.body {
            Body::Snapshot(text) | Body::Nudge(text) => reply(Ok(stage::slice(text, offset, size))),
            Body::Stage(stage) => reply(Ok(stage.lock().read(offset, size))),
            Body::Unwritable => reply(Ok(&[])),
        }
    }
}
