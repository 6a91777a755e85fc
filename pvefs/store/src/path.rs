//! Names of files in a tree.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest component, in bytes.
const MAX_COMPONENT: usize = 255;
/// Longest path, in bytes.
const MAX_PATH: usize = 4095;

/// A relative, normalised path: components joined by `/`, none of them empty, `.` or `..`. The empty path is the root.
///
/// A component is valid UTF-8, at most 255 bytes, without control characters. A clone costs a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Arc<str>);

/// Why a text is no [`TreePath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A leading, trailing or doubled `/`.
    #[error("path {0:?} has an empty component")]
    EmptyComponent(String),
    /// A component is `.` or `..`.
    #[error("path {path:?} is not normalised: it has the component {component:?}")]
    Dots {
        /// The whole path.
        path: String,
        /// `.` or `..`.
        component: String,
    },
    /// A component has a control character, such as NUL or a newline.
    #[error("path {path:?} has the control character {character:?}")]
    ControlCharacter {
        /// The whole path.
        path: String,
        /// The character.
        character: char,
    },
    /// A component is a name that contains `/`.
    #[error("name {0:?} contains a slash")]
    Slash(String),
    /// A component is longer than 255 bytes, or the whole path longer than 4095.
    #[error("name {name:?} is {length} bytes long, more than {limit}")]
    TooLong {
        /// The component or path.
        name: String,
        /// Its length in bytes.
        length: usize,
        /// The longest length allowed.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("path {0:?} is not valid UTF-8")]
    NotUtf8(String),
}

impl TreePath {
    /// The root of the tree.
    pub fn root() -> Self {
        Self(Arc::from(""))
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.split().map(|(parent, _)| Self(Arc::from(parent)))
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.split().map(|(_, name)| name)
    }

    /// The path of `name` in this directory.
    ///
    /// # Errors
    /// When `name` is not one valid component, or the path gets too long.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        if name.contains('/') {
            return Err(PathError::Slash(name.to_owned()));
        }
        check_component(name, name)?;
        if self.is_root() {
            return Ok(Self(Arc::from(name)));
        }
        let path = format!("{}/{name}", self.0);
        check_length(&path, MAX_PATH)?;
        Ok(Self(Arc::from(path)))
    }

    /// The components from the top down; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }

    /// Whether this is `ancestor` or lies below it.
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self
                .0
                .strip_prefix(&*ancestor.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Parent and name as text, without allocating.
    pub(crate) fn split(&self) -> Option<(&str, &str)> {
        if self.is_root() {
            return None;
        }
        Some(self.0.rsplit_once('/').unwrap_or(("", &self.0)))
    }
}

fn check_length(name: &str, limit: usize) -> Result<(), PathError> {
    if name.len() > limit {
        return Err(PathError::TooLong { name: name.to_owned(), length: name.len(), limit });
    }
    Ok(())
}

fn check_component(component: &str, path: &str) -> Result<(), PathError> {
    if component.is_empty() {
        return Err(PathError::EmptyComponent(path.to_owned()));
    }
    if component == "." || component == ".." {
        return Err(PathError::Dots { path: path.to_owned(), component: component.to_owned() });
    }
    if let Some(character) = component.chars().find(|character| character.is_control()) {
        return Err(PathError::ControlCharacter { path: path.to_owned(), character });
    }
    check_length(component, MAX_COMPONENT)
}

impl FromStr for TreePath {
    type Err = PathError;

    /// Takes the empty text, and `/` (as the root is displayed), for the root.
    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() || text == "/" {
            return Ok(Self::root());
        }
        text.split('/').try_for_each(|component| check_component(component, text))?;
        check_length(text, MAX_PATH)?;
        Ok(Self(Arc::from(text)))
    }
}

impl TryFrom<&str> for TreePath {
    type Error = PathError;

    fn try_from(text: &str) -> Result<Self, PathError> {
        text.parse()
    }
}

impl TryFrom<String> for TreePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl TryFrom<&[u8]> for TreePath {
    type Error = PathError;

    fn try_from(bytes: &[u8]) -> Result<Self, PathError> {
        std::str::from_utf8(bytes)
            .map_err(|_| PathError::NotUtf8(bytes.escape_ascii().to_string()))?
            .parse()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "/" } else { &self.0 })
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreePath({:?})", &*self.0)
    }
}

/// Lets maps keyed by path be asked with a part of another path.
impl Borrow<str> for TreePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TreePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Default for TreePath {
    fn default() -> Self {
        Self::root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn takes_paths_apart_and_joins_them() {
        let conf = path("nodes/a/lxc/100.conf");
        assert_eq!(conf.name(), Some("100.conf"));
        assert_eq!(conf.parent(), Some(path("nodes/a/lxc")));
        assert_eq!(conf.components().collect::<Vec<_>>(), ["nodes", "a", "lxc", "100.conf"]);
        assert_eq!(path("nodes/a/lxc").join("100.conf"), Ok(conf));
        assert_eq!(path("a").parent(), Some(TreePath::root()));
        assert_eq!(TreePath::root().join("a"), Ok(path("a")));
        assert_eq!((TreePath::root().parent(), TreePath::root().name()), (None, None));
        assert_eq!(TreePath::root().components().count(), 0);
        assert_eq!(TreePath::root().to_string(), "/");
        assert_eq!(path("/"), TreePath::root());
        assert!(path("a/b").starts_with(&path("a")) && !path("ab").starts_with(&path("a")));
    }

    #[test]
    fn refuses_what_is_not_normalised_and_says_why() {
        for (text, message) in [
            ("/a", "path \"/a\" has an empty component"),
            ("a/", "path \"a/\" has an empty component"),
            ("a//b", "path \"a//b\" has an empty component"),
            ("a/./b", "path \"a/./b\" is not normalised: it has the component \".\""),
            ("..", "path \"..\" is not normalised: it has the component \"..\""),
            ("a\nb", "path \"a\\nb\" has the control character '\\n'"),
            ("a\0", "path \"a\\0\" has the control character '\\0'"),
            ("a\u{85}", "path \"a\\u{85}\" has the control character '\\u{85}'"),
        ] {
            assert_eq!(text.parse::<TreePath>().unwrap_err().to_string(), message);
        }
        assert_eq!(path("a").join("b/c"), Err(PathError::Slash("b/c".into())));
        assert!(matches!(path("a").join(""), Err(PathError::EmptyComponent(_))));
        assert!(matches!(TreePath::try_from(&b"a\xff"[..]), Err(PathError::NotUtf8(_))));
    }

    #[test]
    fn limits_lengths_in_bytes() {
        let longest = "é".repeat(127) + "x";
        assert_eq!(longest.len(), 255);
        assert!(TreePath::root().join(&longest).is_ok());
        assert!(matches!(
            TreePath::root().join(&(longest.clone() + "y")),
            Err(PathError::TooLong { length: 256, limit: 255, .. })
        ));
        let deepest = vec![longest.as_str(); 15].join("/");
        assert!(matches!(
            path(&deepest).join(&longest),
            Err(PathError::TooLong { limit: 4095, length: 4095.., .. }) | Ok(_)
        ));
        assert!(path(&deepest).join(&longest).and_then(|full| full.join("z")).is_err());
    }
}
