//! What went wrong, in the store's terms.

use crate::types::StoreError;
use rusqlite::ErrorCode;
use std::path::Path;

pub(super) fn unusable(path: &Path, reason: &str) -> StoreError {
    StoreError::Unusable { path: path.display().to_string(), reason: reason.to_owned() }
}

pub(super) fn io_error(operation: &str, path: &Path, error: &std::io::Error) -> StoreError {
    let operation = format!("{operation} {}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StoreError::NoSpace(operation)
        }
        _ => StoreError::Io { operation, reason: error.to_string() },
    }
}

pub(super) fn sql_error(operation: &str, path: &Path, error: &rusqlite::Error) -> StoreError {
    let place = format!("{operation} {}", path.display());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::NoSpace(place),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            unusable(path, &format!("is damaged ({error}): restore a backup"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Io {
            operation: place,
            reason: "another program keeps the database locked".into(),
        },
        _ => StoreError::Io { operation: place, reason: error.to_string() },
    }
}
