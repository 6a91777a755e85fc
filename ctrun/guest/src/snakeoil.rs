//! Debian's self-signed certificate of the package ssl-cert. One that comes with a template is known to everyone who
//! has it, so the first start makes a new one.

use crate::guest::Guest;
use crate::root::Result;

const UNIT: &str = "regenerate-snakeoil-cert.service";

/// Plans a unit that makes a new certificate and then removes itself.
pub(crate) fn write(guest: &mut Guest<'_>) -> Result<()> {
    if !guest.systemd || !guest.root.is_file("etc/ssl/private/ssl-cert-snakeoil.key") {
        return Ok(());
    }
    let unit = format!("etc/systemd/system/{UNIT}");
    let link = format!("etc/systemd/system/multi-user.target.wants/{UNIT}");
    let text = format!(
        "[Unit]\nDescription=New self-signed certificate for this container\n\
         ConditionPathExists=/usr/sbin/make-ssl-cert\n\n[Service]\nType=oneshot\n\
         ExecStart=/usr/sbin/make-ssl-cert generate-default-snakeoil --force-overwrite\n\
         ExecStartPost=/bin/rm -f /{unit} /{link}\n"
    );
    guest.root.write(&unit, text, 0o644)?;
    guest.root.symlink(&link, &format!("/{unit}"))
}
