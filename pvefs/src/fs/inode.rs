//! Inode numbers: which path each stands for.
//!
//! A node exists while the kernel knows its number (its lookups are counted, as FORGET counts them back). A renamed file
//! keeps its number; a removed or replaced one keeps it too but no longer has a path.

use pvefs_store::TreePath;
use std::collections::HashMap;
use std::sync::Arc;

/// An inode number. 1 is the root.
pub type Ino = u64;

/// The root's number.
pub const ROOT: Ino = 1;

#[derive(Debug)]
struct Node {
    parent: Ino,
    name: Arc<str>,
    /// How often the kernel was told of it.
    lookups: u64,
    /// Nodes that name it as their parent.
    children: u32,
    linked: bool,
}

/// The known inodes.
#[derive(Debug)]
pub(crate) struct Inodes {
    nodes: HashMap<Ino, Node>,
    by_name: HashMap<(Ino, Arc<str>), Ino>,
    next: Ino,
}

impl Inodes {
    pub fn new() -> Self {
        let root =
            Node { parent: ROOT, name: Arc::from(""), lookups: 1, children: 0, linked: true };
        Self { nodes: HashMap::from([(ROOT, root)]), by_name: HashMap::new(), next: ROOT + 1 }
    }

    /// The path of `ino`; `None` when it has none any more, or never had.
    pub fn path(&self, ino: Ino) -> Option<TreePath> {
        let mut names = Vec::with_capacity(6);
        let mut at = ino;
        while at != ROOT {
            let node = self.nodes.get(&at)?;
            if !node.linked {
                return None;
            }
            names.push(&*node.name);
            at = node.parent;
        }
        names.reverse();
        names.join("/").parse().ok()
    }

    /// The number of `name` in `parent`, if it has one.
    pub fn find(&self, parent: Ino, name: &str) -> Option<Ino> {
        self.by_name.get(&(parent, Arc::from(name))).copied()
    }

    /// The number of `path`, if it has one.
    pub fn find_path(&self, path: &TreePath) -> Option<Ino> {
        path.components().try_fold(ROOT, |at, name| self.find(at, name))
    }

    /// The number of `name` in `parent`, counted as told to the kernel `lookups` times more.
    pub fn tell(&mut self, parent: Ino, name: &str, lookups: u64) -> Ino {
        let name: Arc<str> = Arc::from(name);
        let key = (parent, name);
        let ino = match self.by_name.get(&key) {
            Some(ino) => *ino,
            None => {
                let ino = self.next;
                self.next += 1;
                let name = key.1.clone();
                self.nodes
                    .insert(ino, Node { parent, name, lookups: 0, children: 0, linked: true });
                self.by_name.insert(key, ino);
                if let Some(parent) = self.nodes.get_mut(&parent) {
                    parent.children += 1;
                }
                ino
            }
        };
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups += lookups;
        }
        ino
    }

    /// Takes the name from whatever has it: removed or replaced.
    pub fn unlink(&mut self, parent: Ino, name: &str) -> Option<Ino> {
        let ino = self.by_name.remove(&(parent, Arc::from(name)))?;
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.linked = false;
        }
        self.drop_if_unused(ino);
        Some(ino)
    }

    /// Gives the node of one name another name; a node that had that name loses it.
    pub fn rename(&mut self, from: (Ino, &str), to: (Ino, &str)) {
        if from == to {
            return;
        }
        self.unlink(to.0, to.1);
        let Some(ino) = self.by_name.remove(&(from.0, Arc::from(from.1))) else { return };
        self.place(ino, to);
    }

    /// Swaps the nodes of two names.
    pub fn exchange(&mut self, one: (Ino, &str), other: (Ino, &str)) {
        let first = self.by_name.remove(&(one.0, Arc::from(one.1)));
        let second = self.by_name.remove(&(other.0, Arc::from(other.1)));
        if let Some(ino) = first {
            self.place(ino, other);
        }
        if let Some(ino) = second {
            self.place(ino, one);
        }
    }

    fn place(&mut self, ino: Ino, (parent, name): (Ino, &str)) {
        let name: Arc<str> = Arc::from(name);
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let before = std::mem::replace(&mut node.parent, parent);
        node.name = name.clone();
        self.by_name.insert((parent, name), ino);
        if let Some(parent) = self.nodes.get_mut(&parent) {
            parent.children += 1;
        }
        self.leave(before);
    }

    /// The kernel forgot `lookups` of what it was told.
    pub fn forget(&mut self, ino: Ino, lookups: u64) {
        if ino == ROOT {
            return;
        }
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups = node.lookups.saturating_sub(lookups);
        }
        self.drop_if_unused(ino);
    }

    fn leave(&mut self, parent: Ino) {
        if let Some(node) = self.nodes.get_mut(&parent) {
            node.children = node.children.saturating_sub(1);
        }
        self.drop_if_unused(parent);
    }

    fn drop_if_unused(&mut self, ino: Ino) {
        let unused = |node: &Node| ino != ROOT && node.lookups == 0 && node.children == 0;
        if !self.nodes.get(&ino).is_some_and(unused) {
            return;
        }
        let Some(node) = self.nodes.remove(&ino) else { return };
        if node.linked {
            self.by_name.remove(&(node.parent, node.name));
        }
        self.leave(node.parent);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.nodes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_node_keeps_its_number_and_a_replaced_one_loses_its_path() {
        let mut inodes = Inodes::new();
        let dir = inodes.tell(ROOT, "d", 1);
        let one = inodes.tell(dir, "one", 1);
        let two = inodes.tell(dir, "two", 1);
        inodes.rename((dir, "one"), (ROOT, "two"));
        assert_eq!(inodes.path(one).unwrap().as_str(), "two");
        inodes.rename((ROOT, "two"), (dir, "two"));
        assert_eq!(inodes.path(one).unwrap().as_str(), "d/two");
        assert_eq!(inodes.path(two), None);
        assert_eq!(inodes.find_path(&"d/two".parse().unwrap()), Some(one));
        assert_eq!(inodes.find(dir, "one"), None);
    }

    #[test]
    fn forgets_all_that_the_kernel_forgets() {
        let mut inodes = Inodes::new();
        let dir = inodes.tell(ROOT, "d", 1);
        let file = inodes.tell(dir, "f", 2);
        inodes.forget(dir, 1);
        assert_eq!(inodes.path(file).unwrap().as_str(), "d/f", "a parent stays while needed");
        inodes.forget(file, 1);
        assert_eq!(inodes.len(), 3);
        inodes.forget(file, 1);
        assert_eq!(inodes.len(), 1);
        assert!(inodes.by_name.is_empty());
    }

    #[test]
    fn exchanges_two_names() {
        let mut inodes = Inodes::new();
        let (a, b) = (inodes.tell(ROOT, "a", 1), inodes.tell(ROOT, "b", 1));
        inodes.exchange((ROOT, "a"), (ROOT, "b"));
        assert_eq!((inodes.find(ROOT, "a"), inodes.find(ROOT, "b")), (Some(b), Some(a)));
    }
}
