//! Programs that copy a file to its place.

use super::{Tells, Tool};

/// A repository beside the mount, with the old text on the branch that is checked out there and the new one on `new`.
macro_rules! git {
    ($script:literal) => {
        concat!(
            r#"set -e; export GIT_DIR="$W/git" GIT_WORK_TREE="$D" GIT_CONFIG_NOSYSTEM=1
git init --quiet --initial-branch old; git config user.name t; git config user.email t@example.com
commit() { git update-index --add --cacheinfo "100644,$(git hash-object -w "$2"),$N"; git commit --quiet -m "$1"; }
commit old "$OLD"; git branch new
git symbolic-ref HEAD refs/heads/new; commit new "$NEW"
git symbolic-ref HEAD refs/heads/old; git read-tree old; git update-index -q --refresh
"#,
            $script
        )
    };
}

pub(super) const TOOLS: &[Tool] = &[
    Tool::script("cp", &[], r#"cp "$NEW" "$F""#).creates(),
    Tool::script("cp -p", &[], r#"cp -p "$NEW" "$F""#).creates(),
    Tool::script("cp -f", &[], r#"cp -f "$NEW" "$F""#).creates(),
    Tool::script("cp --remove-destination", &[], r#"cp --remove-destination "$NEW" "$F""#)
        .creates(),
    Tool::script("mv from elsewhere", &[], r#"mv "$NEW" "$F""#).creates(),
    Tool::script(
        "mv in the folder",
        &[],
        r#"cp "$NEW" "$D/$N.tmp" && { mv "$D/$N.tmp" "$F" || { rm "$D/$N.tmp"; false; } }"#,
    )
    .creates(),
    Tool::script("install -m640", &[], r#"install -m640 "$NEW" "$F""#).creates(),
    Tool::script("rsync", &["rsync"], r#"rsync --ignore-times "$NEW" "$F""#).creates(),
    Tool::script("rsync -a", &["rsync"], r#"rsync -a --ignore-times "$NEW" "$F""#).creates(),
    Tool::script("rsync --inplace", &["rsync"], r#"rsync --inplace -I "$NEW" "$F""#).creates(),
    Tool::script("rsync --fsync", &["rsync"], r#"rsync --fsync -I "$NEW" "$F""#).creates(),
    Tool::script("rsync --temp-dir", &["rsync"], r#"rsync -I --temp-dir="$W" "$NEW" "$F""#)
        .creates(),
    Tool::script("git checkout", &["git"], git!("git checkout --quiet new")).tells(Tells::Writing),
    Tool::script("git checkout -- path", &["git"], git!(r#"git checkout --quiet new -- "$N""#))
        .tells(Tells::Writing),
    Tool::script(
        "sftp put",
        &["sftp", "/usr/lib/openssh/sftp-server"],
        r#"echo "put $NEW $F" | sftp -q -b - -D /usr/lib/openssh/sftp-server"#,
    )
    .creates(),
];
