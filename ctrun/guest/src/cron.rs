//! Minutes of cron jobs, so that not all guests of one template work at the same time.

use crate::guest::Guest;
use crate::random;
use crate::root::Result;

/// Plans new minutes for root's jobs that run at a fixed minute.
pub(crate) fn randomise(guest: &mut Guest<'_>) -> Result<()> {
    let mut files = vec!["etc/crontab".to_owned()];
    let names = guest.root.list("etc/cron.d")?;
    let good = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    files.extend(names.into_iter().filter(good).map(|name| format!("etc/cron.d/{name}")));
    let given = &guest.options.cron_minutes;
    let mut used = 0;
    for file in files.iter().filter(|file| guest.root.is_file(file)).collect::<Vec<_>>() {
        guest.root.edit_existing(file, |old| {
            old.split_inclusive('\n')
                .map(|line| match after_minute(line) {
                    None => line.to_owned(),
                    Some(rest) => {
                        used += 1;
                        let minute = match given.get((used - 1) % given.len().max(1)) {
                            Some(minute) => *minute,
                            None => random::below(60),
                        };
                        format!("{minute}{rest}")
                    }
                })
                .collect()
        })?;
    }
    Ok(())
}

/// What follows the minute in a job of root's; `None` for all other lines.
fn after_minute(line: &str) -> Option<&str> {
    let end = line.find(|c: char| !c.is_ascii_digit()).filter(|&end| end > 0)?;
    let rest = &line[end..];
    let mut words = rest.split_whitespace();
    let user = words.nth(4)?;
    (rest.starts_with([' ', '\t']) && user == "root" && words.next().is_some()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::after_minute;

    #[test]
    fn jobs_of_root_at_a_fixed_minute() {
        assert_eq!(after_minute("17 *\t* * *\troot x\n"), Some(" *\t* * *\troot x\n"));
        for line in [
            "# 17 * * * * root x",
            "*/5 * * * * root x",
            "17 * * * * www x",
            "17 * * * * root",
            "1-5 * * * * root x",
            "",
        ] {
            assert_eq!(after_minute(line), None, "{line}");
        }
    }
}
