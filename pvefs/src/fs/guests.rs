//! The guests' numbers: each exists once, whatever its node or type.

use crate::fs::FsError;
use crate::fs::names::{GUEST_DIRS, GuestPath};
use pvefs_store::{Revision, Store, StoreError, TreePath};
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[derive(Debug)]
struct Guest {
    place: GuestPath,
    version: Revision,
    /// Its file was moved or removed a moment ago. The number is free, but the removal is not announced yet.
    leaving: bool,
}

/// Who has which number.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    by_id: BTreeMap<u32, Guest>,
    version: u64,
}

impl Guests {
    /// Reads the guests of all nodes.
    pub fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut guests = Self::default();
        let nodes: TreePath = match "nodes".parse() {
            Ok(path) => path,
            Err(_) => return Ok(guests),
        };
        for (node, _) in store.list(&nodes)?.unwrap_or_default() {
            for dir in GUEST_DIRS {
                let Ok(dir) = nodes.join(&node).and_then(|node| node.join(dir)) else { continue };
                for (name, entry) in store.list(&dir)?.unwrap_or_default() {
                    let Ok(path) = dir.join(&name) else { continue };
                    if let Some(place) = GuestPath::parse(&path) {
                        let version = entry.modified;
                        let guest = Guest { place, version, leaving: false };
                        guests.by_id.insert(guest.place.id, guest);
                    }
                }
            }
        }
        guests.version = 1;
        Ok(guests)
    }

    /// Takes the number of `path`, if it is a guest's, for it. `from` is a path that gives it up in the same step.
    ///
    /// # Errors
    /// When another path has it.
    pub fn claim(&mut self, path: &TreePath, from: Option<&TreePath>) -> Result<(), FsError> {
        let Some(place) = GuestPath::parse(path) else { return Ok(()) };
        let giving = from.and_then(GuestPath::parse);
        if let Some(guest) = self.by_id.get(&place.id)
            && !guest.leaving
            && guest.place != place
            && giving.as_ref() != Some(&guest.place)
        {
            return Err(FsError::GuestExists {
                path: path.to_string(),
                id: place.id,
                holder: guest.place.to_string(),
            });
        }
        let version = self.by_id.get(&place.id).map_or(0, |guest| guest.version);
        self.version += 1;
        self.by_id.insert(place.id, Guest { place, version, leaving: false });
        Ok(())
    }

    /// Notes that the text of `path` is now that of `revision`.
    pub fn changed(&mut self, path: &TreePath, revision: Revision) {
        let Some(place) = GuestPath::parse(path) else { return };
        self.version += 1;
        let guest = Guest { place, version: revision, leaving: false };
        self.by_id.insert(guest.place.id, guest);
    }

    /// Notes that `path` is gone for the moment; its number is free, but the list still has it.
    pub fn leaving(&mut self, path: &TreePath) {
        if let Some(guest) = self.of(path) {
            guest.leaving = true;
        }
    }

    /// Notes that `path` is gone. A number that another path has taken meanwhile stays with that.
    pub fn gone(&mut self, path: &TreePath) {
        let Some(place) = GuestPath::parse(path) else { return };
        if self.of(path).is_some() {
            self.by_id.remove(&place.id);
            self.version += 1;
        }
    }

    fn of(&mut self, path: &TreePath) -> Option<&mut Guest> {
        let place = GuestPath::parse(path)?;
        self.by_id.get_mut(&place.id).filter(|guest| guest.place == place)
    }

    /// How often the list has changed.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// `.vmlist`, as the reference writes it.
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\n\"version\": {},\n\"ids\": {{", self.version);
        for (index, (id, guest)) in self.by_id.iter().enumerate() {
            let separator = if index == 0 { "\n" } else { ",\n" };
            let node = serde_json::Value::from(&*guest.place.node);
            let _ = write!(
                text,
                "{separator}\"{id}\": {{ \"node\": {node}, \"type\": \"{}\", \"version\": {} }}",
                guest.place.kind, guest.version
            );
        }
        text.push_str("}\n\n}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_exists_once() {
        let mut guests = Guests::default();
        let (a, b) = (path("nodes/a/lxc/100.conf"), path("nodes/b/qemu-server/100.conf"));
        guests.claim(&a, None).unwrap();
        guests.claim(&a, None).unwrap();
        let error = guests.claim(&b, None).unwrap_err();
        assert!(error.to_string().ends_with("guest 100 exists already as lxc on node a"));
        guests.claim(&b, Some(&a)).unwrap();
        guests.gone(&a);
        assert!(guests.claim(&a, None).is_err(), "b still has it");
    }

    #[test]
    fn a_leaving_number_is_free_but_listed() {
        let mut guests = Guests::default();
        let (a, b) = (path("nodes/a/lxc/100.conf"), path("nodes/b/lxc/100.conf"));
        guests.changed(&a, 7);
        guests.leaving(&a);
        assert!(
            guests.to_json().contains(r#""100": { "node": "a", "type": "lxc", "version": 7 }"#)
        );
        guests.claim(&b, None).unwrap();
        guests.gone(&a);
        assert!(guests.to_json().contains(r#""node": "b""#));
        guests.gone(&b);
        assert!(!guests.to_json().contains("100"));
        serde_json::from_str::<serde_json::Value>(&guests.to_json()).unwrap();
    }
}
