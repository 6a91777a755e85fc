//! A few connections for reading, shared by all threads.

use super::error::sql_error;
use super::schema::{Access, connect};
use crate::types::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(super) struct Readers {
    path: PathBuf,
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub fn open(
        path: &Path,
        access: Access,
        count: usize,
        busy_timeout: Duration,
    ) -> Result<Self, StoreError> {
        let connections = (0..count.max(1))
            .map(|_| connect(path, access, busy_timeout).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), connections, next: AtomicUsize::new(0) })
    }

    /// Runs `query` on a connection that no other thread uses meanwhile.
    pub fn with<T>(
        &self,
        operation: &str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let free = self.connections.iter().find_map(Mutex::try_lock);
        let connection = free.unwrap_or_else(|| {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            self.connections[next % self.connections.len()].lock()
        });
        query(&connection).map_err(|error| sql_error(operation, &self.path, &error))
    }
}
