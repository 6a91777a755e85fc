//! Signals by name.

/// The signal called `TERM`, `SIGTERM`, `SIGRTMIN+3` or `15`.
pub fn parse(text: &str) -> Option<i32> {
    let rtmin = ct_sys::signal::rtmin();
    if let Ok(number) = text.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(offset) = name.strip_prefix("RTMIN") {
        let offset =
            if offset.is_empty() { Some(0) } else { offset.strip_prefix('+')?.parse().ok() };
        return offset.map(|o: i32| rtmin + o).filter(|n| (rtmin..=64).contains(n));
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        let offset =
            if offset.is_empty() { Some(0) } else { offset.strip_prefix('-')?.parse().ok() };
        return offset.map(|o: i32| 64 - o).filter(|n| (rtmin..=64).contains(n));
    }
    rustix_number(name)
}

fn rustix_number(name: &str) -> Option<i32> {
    use rustix::process::Signal as S;
    let all = [
        ("HUP", S::HUP),
        ("INT", S::INT),
        ("QUIT", S::QUIT),
        ("ILL", S::ILL),
        ("TRAP", S::TRAP),
        ("ABRT", S::ABORT),
        ("BUS", S::BUS),
        ("FPE", S::FPE),
        ("KILL", S::KILL),
        ("USR1", S::USR1),
        ("SEGV", S::SEGV),
        ("USR2", S::USR2),
        ("PIPE", S::PIPE),
        ("ALRM", S::ALARM),
        ("TERM", S::TERM),
        ("CHLD", S::CHILD),
        ("CONT", S::CONT),
        ("STOP", S::STOP),
        ("TSTP", S::TSTP),
        ("TTIN", S::TTIN),
        ("TTOU", S::TTOU),
        ("URG", S::URG),
        ("XCPU", S::XCPU),
        ("XFSZ", S::XFSZ),
        ("VTALRM", S::VTALARM),
        ("PROF", S::PROF),
        ("WINCH", S::WINCH),
        ("IO", S::IO),
        ("PWR", S::POWER),
        ("SYS", S::SYS),
    ];
    all.iter().find(|(n, _)| *n == name).map(|(_, signal)| signal.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_names_and_numbers() {
        assert_eq!(parse("9"), Some(9));
        assert_eq!(parse("SIGTERM"), Some(15));
        assert_eq!(parse("pwr"), Some(30));
        assert_eq!(parse("SIGRTMIN+3"), Some(ct_sys::signal::rtmin() + 3));
        assert_eq!(parse("RTMAX-1"), Some(63));
        for bad in ["0", "65", "SIGRTMIN+99", "SIGNOTHING", "RTMIN-1", ""] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
