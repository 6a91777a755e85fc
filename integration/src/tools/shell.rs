//! Shells, and the plain programs that shells write files with.

use super::{Edit, Tells, Tool};

pub(super) const TOOLS: &[Tool] = &[
    Tool::script("bash echo >", &[], r#"echo "$(<"$NEW")" > "$F""#)
        .tells(Tells::Writing)
        .in_parts()
        .creates(),
    Tool::script("bash echo >>", &[], r#"echo "$LINE" >> "$F""#)
        .edit(Edit::Append)
        .tells(Tells::Writing),
    Tool::script("dash echo >", &["dash"], r#"dash -c 'echo "$(cat "$NEW")" > "$F"'"#)
        .tells(Tells::Writing)
        .creates(),
    Tool::script("bash exec 7>", &[], r#"exec 7> "$F"; echo "$(<"$NEW")" >&7; exec 7>&-"#)
        .tells(Tells::Writing)
        .in_parts()
        .creates(),
    Tool::script(
        "bash exec 7>, line by line",
        &[],
        r#"exec 7> "$F"; while read -r line; do echo "$line" >&7; done < "$NEW"; exec 7>&-"#,
    )
    .tells(Tells::Writing)
    .creates(),
    Tool::script(
        "bash {ok; /bin/echo} >",
        &[],
        r#"{ echo "$(head -n 3 "$NEW")"; /bin/echo "$(tail -n +4 "$NEW")"; } > "$F""#,
    )
    .creates(),
    Tool::script("bash {head; tail} >", &[], r#"{ head -n 3 "$NEW"; tail -n +4 "$NEW"; } > "$F""#)
        .creates(),
    Tool::script("bash : >", &[], r#": > "$F""#).edit(Edit::Empty).tells(Tells::Never),
    Tool::script("cat >", &[], r#"cat "$NEW" > "$F""#).creates(),
    Tool::script("cat <<EOF >", &[], "cat <<EOF > \"$F\"\n$(<\"$NEW\")\nEOF\n").creates(),
    Tool::script("tee", &[], r#"tee "$F" < "$NEW" > /dev/null"#).creates(),
    Tool::script("tee -a", &[], r#"echo "$LINE" | tee -a "$F" > /dev/null"#).edit(Edit::Append),
    Tool::script("dd of=", &[], r#"dd status=none if="$NEW" of="$F""#).creates(),
    Tool::script("dd conv=fsync", &[], r#"dd status=none if="$NEW" of="$F" conv=fsync"#).creates(),
    Tool::script("dd conv=notrunc", &[], r#"dd status=none if="$NEW" of="$F" conv=notrunc"#)
        .edit(Edit::Append),
    Tool::script("dd oflag=sync", &[], r#"dd status=none if="$NEW" of="$F" oflag=sync"#).creates(),
    Tool::script("truncate -s N", &[], r#"truncate -s "$SIZE" "$F""#).edit(Edit::Cut),
    Tool::script("truncate -s 0", &[], r#"truncate -s 0 "$F""#).edit(Edit::Empty),
    Tool::script("sponge", &["sponge"], r#"sponge "$F" < "$NEW""#).creates(),
    Tool::script(
        "patch",
        &["patch", "diff"],
        r#"diff -u "$OLD" "$NEW" > "$W/diff"; patch --quiet "$F" < "$W/diff""#,
    ),
];
