//! What the container's own files say: host name, resolver, time zone, ttys.

use super::Planner;
use super::step::Action;

const OVERRIDDEN: &str = "an `lxc.` key wins over this option as long as the container runs";
const FEWER: &str = "a tty that may be in use is not taken away";

pub(super) fn plan(planner: &mut Planner<'_>) {
    if planner.change("hostname") {
        if planner.has_raw("lxc.uts.name") {
            planner.wait("hostname", Vec::new(), OVERRIDDEN);
        } else {
            let hostname = planner.new.get("hostname").map(str::to_owned);
            planner.live(&["hostname"], Vec::new(), Action::SetHostname { hostname });
        }
    }
    dns(planner);
    if planner.change("timezone") {
        let timezone = planner.new.get("timezone").map(str::to_owned);
        planner.live(&["timezone"], Vec::new(), Action::SetTimezone { timezone });
    }
    tty(planner);
}

/// One file has both.
fn dns(planner: &mut Planner<'_>) {
    let keys: Vec<&str> =
        ["nameserver", "searchdomain"].into_iter().filter(|key| planner.change(key)).collect();
    if !keys.is_empty() {
        let nameservers = planner.side("nameserver").list("nameserver");
        let domains = planner.side("searchdomain").list("searchdomain");
        planner.live(&keys, Vec::new(), Action::SetDns { nameservers, domains });
    }
}

fn tty(planner: &mut Planner<'_>) {
    if !planner.change("tty") {
        return;
    }
    let before = planner.old.integer("tty").unwrap_or_default();
    let count = planner.new.integer("tty").unwrap_or_default();
    if planner.has_raw("lxc.tty.max") {
        planner.wait("tty", Vec::new(), OVERRIDDEN);
    } else if count < before {
        planner.wait_for("tty", Vec::new(), Action::SetTty { count }, FEWER);
    } else {
        planner.live(&["tty"], Vec::new(), Action::SetTty { count });
    }
}
