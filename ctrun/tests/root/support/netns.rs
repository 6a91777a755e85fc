//! A network namespace for one test, with its own bridges; the host's network stays as it is.

use std::process::{Child, Command, Stdio};

pub struct NetNs {
    keeper: Child,
}

impl NetNs {
    pub fn new() -> Self {
        let keeper = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 1000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut netns = Self { keeper };
        let mut line = [0; 6];
        std::io::Read::read_exact(netns.keeper.stdout.as_mut().unwrap(), &mut line).unwrap();
        netns
    }

    /// A command that runs there.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.keeper.id())).arg("--").arg(program);
        command
    }

    /// Runs `ip`, which must succeed.
    #[track_caller]
    pub fn ip(&self, args: &str) -> String {
        let output = self.command("ip").args(args.split(' ')).output().unwrap();
        assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
