//! Root's password, in `/etc/shadow` and `/etc/passwd`.

use sha_crypt::{Params, PasswordHasher as _, ShaCrypt};

use crate::error::Error;
use crate::guest::Guest;
use crate::random;

/// A password of root's.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// In the clear; what begins with `$1$`, `$2…$`, `$5$`, `$6$` or `$y$` is a hash already.
    Plain(String),
    /// As it goes into the file.
    Hash(String),
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The `$6$` hash of a password. Six bytes of salt make the eight characters that are usual.
pub(crate) fn hash(password: &str, salt: [u8; 6]) -> Result<String, Error> {
    let hasher = ShaCrypt::from(Params::RECOMMENDED);
    let hash = hasher
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| Error::Password(error.to_string()))?;
    // The number of rounds that crypt(3) takes where none is told.
    Ok(hash.as_str().replacen("$rounds=5000$", "$", 1))
}

fn is_hash(text: &str) -> bool {
    let scheme = text.strip_prefix('$').and_then(|rest| rest.split_once('$')).map(|(s, _)| s);
    scheme.is_some_and(|s| matches!(s, "1" | "5" | "6" | "y") || s.starts_with('2'))
}

/// Plans root's password; without one, nobody can log in with a password.
pub(crate) fn write(guest: &mut Guest<'_>) -> Result<(), Error> {
    let hash = match &guest.options.password {
        None => "*".to_owned(),
        Some(Password::Plain(text)) if !is_hash(text) => hash(text, random::bytes())?,
        Some(Password::Plain(text) | Password::Hash(text)) => text.clone(),
    };
    if hash.is_empty() || hash.contains([':', '\n', '\r', '\0']) {
        return Err(Error::Password("a hash is one word without colons".into()));
    }
    let days = guest.options.today.to_string();
    let shadow = guest.root.is_file("etc/shadow");
    if shadow {
        guest.root.edit_existing("etc/shadow", |old| set_shadow(old, &hash, &days))?;
    }
    // Without shadow passwords the hash is in passwd itself.
    let word = if shadow { "x" } else { &hash };
    guest.root.edit_existing("etc/passwd", |old| set_field(old, word))?;
    Ok(())
}

fn set_shadow(old: &str, hash: &str, days: &str) -> String {
    let mut found = false;
    let mut text = String::with_capacity(old.len() + hash.len());
    for line in old.split_inclusive('\n') {
        let mut fields: Vec<_> = line.trim_end_matches(['\n', '\r']).split(':').collect();
        if fields[0] != "root" || fields.len() < 3 {
            text.push_str(line);
            continue;
        }
        found = true;
        if fields[1] == hash {
            text.push_str(line);
            continue;
        }
        fields[1] = hash;
        fields[2] = days;
        text.push_str(&fields.join(":"));
        text.push('\n');
    }
    if !found {
        crate::text::end_line(&mut text);
        text.push_str(&format!("root:{hash}:{days}:0:99999:7:::\n"));
    }
    text
}

fn set_field(old: &str, word: &str) -> String {
    let lines = old.split_inclusive('\n').map(|line| {
        let mut fields: Vec<_> = line.split(':').collect();
        if fields[0] != "root" || fields.len() < 7 {
            return line.to_owned();
        }
        fields[1] = word;
        fields.join(":")
    });
    lines.collect()
}

/// The home of root; `/root` if none is told.
pub(crate) fn home(passwd: &str) -> &str {
    let root = passwd.lines().find_map(|line| line.strip_prefix("root:"));
    root.and_then(|rest| rest.split(':').nth(4)).filter(|home| !home.is_empty()).unwrap_or("/root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_crypt() {
        // From `openssl passwd -6 -salt l6nAoIXB secret`.
        let want = "$6$l6nAoIXB$/7Q434L20IdwZCNBsAppRTkAJbIyEK4QtkGsANO0N4udW38KnCpYVYLyHtS7NvFOA6Aw2Ke3KqAxUkdWcOctW1";
        assert_eq!(hash("secret", *b"123456").unwrap(), want);
        assert!(is_hash(want) && is_hash("$2b$x") && !is_hash("$money") && !is_hash("$9$x"));
    }

    #[test]
    fn shadow_keeps_its_other_fields() {
        let old = "root:*:10933:0:99999:7:::\ndaemon:*:1:0\n";
        let new = set_shadow(old, "$6$h", "20000");
        assert_eq!(new, "root:$6$h:20000:0:99999:7:::\ndaemon:*:1:0\n");
        assert_eq!(set_shadow(&new, "$6$h", "20001"), new, "the same password is no change");
        assert_eq!(set_shadow("a:b:c", "*", "1"), "a:b:c\nroot:*:1:0:99999:7:::\n");
    }

    #[test]
    fn passwd_gets_an_x_and_tells_the_home() {
        let old = "root::0:0:root:/home/r:/bin/sh\nrooty:y:1:1::/:\n";
        assert_eq!(set_field(old, "x"), "root:x:0:0:root:/home/r:/bin/sh\nrooty:y:1:1::/:\n");
        assert_eq!(home(old), "/home/r");
        assert_eq!(home("x"), "/root");
    }
}
