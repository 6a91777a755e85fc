//! Programs in the languages that scripts are written in.

use super::{Act, Job, Tells, Tool};
use std::fs::{self, File};
use std::io::{self, Write as _};

const PYTHON: &[&str] = &["/usr/bin/python3"];

macro_rules! python {
    ($script:literal) => {
        concat!(
            "/usr/bin/python3 -c '\nimport os, shutil\nF, D = os.environ[\"F\"], os.environ[\"D\"]
text = open(os.environ[\"NEW\"]).read()\n",
            $script,
            "'"
        )
    };
}

/// As `PVE::Tools::file_set_contents` does it.
const PVE: &str = r#"perl -e 'use Fcntl; local $/; open(my $in, "<", $ENV{NEW}) or die; my $data = <$in>;
my $tmp = "$ENV{F}.tmp.$$";
eval {
    sysopen(my $out, $tmp, O_WRONLY | O_CREAT | O_EXCL, 0644) or die "open: $!\n";
    (print $out $data) or die "print: $!\n";
    close($out) or die "close: $!\n";
};
my $error = $@;
if (!$error && !rename($tmp, $ENV{F})) { $error = "rename: $!\n" }
if ($error) { unlink $tmp; die $error }'"#;

const PERL: &str = r#"perl -e 'local $/; open(my $in, "<", $ENV{NEW}) or die;
open(my $out, ">", $ENV{F}); print {$out} <$in>; close($out)'"#;

const GO: &str = r#"cat > "$W/main.go" <<'EOF'
package main
import ("fmt"; "os")
func main() {
	text, _ := os.ReadFile(os.Getenv("NEW"))
	if err := os.WriteFile(os.Getenv("F"), text, 0644); err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
}
EOF
export GOCACHE="$W/cache"; go run "$W/main.go""#;

fn fs_write(job: &Job<'_>) -> io::Result<()> {
    fs::write(job.target, &job.texts.new)
}

fn file_sync_all(job: &Job<'_>) -> io::Result<()> {
    let mut file = File::create(job.target)?;
    file.write_all(job.texts.new.as_bytes())?;
    file.sync_all()
}

pub(super) const TOOLS: &[Tool] = &[
    Tool::script("python with open", PYTHON, python!("with open(F, \"w\") as f: f.write(text)"))
        .creates(),
    Tool::script("python open, no close", PYTHON, python!("open(F, \"w\").write(text)"))
        .tells(Tells::Never)
        .creates(),
    Tool::script(
        "python write+flush+fsync",
        PYTHON,
        python!("with open(F, \"w\") as f:\n  f.write(text)\n  f.flush()\n  os.fsync(f.fileno())"),
    )
    .creates(),
    Tool::script(
        "python tmp+fsync+replace",
        PYTHON,
        python!(
            "import tempfile
with tempfile.NamedTemporaryFile(\"w\", dir=D, delete=False) as f:
  f.write(text)
  f.flush()
  os.fsync(f.fileno())
try:
  os.replace(f.name, F)
except OSError:
  os.unlink(f.name)
  raise"
        ),
    )
    .creates(),
    Tool::script("python shutil.copy", PYTHON, python!("shutil.copy(os.environ[\"NEW\"], F)"))
        .creates(),
    Tool::script("PVE file_set_contents", &["perl"], PVE).creates(),
    Tool::script("perl unchecked", &["perl"], PERL).tells(Tells::Never).creates(),
    Tool::new("rust fs::write", &[], Act::Here(fs_write)).tells(Tells::Writing).creates(),
    Tool::new("rust File+sync_all", &[], Act::Here(file_sync_all)).creates(),
    Tool::script(
        "node writeFileSync",
        &["node"],
        "node -e 'fs.writeFileSync(process.env.F, fs.readFileSync(process.env.NEW))'",
    )
    .creates(),
    Tool::script(
        "php file_put_contents",
        &["php"],
        r#"php -r 'file_put_contents(getenv("F"), file_get_contents(getenv("NEW")));'"#,
    )
    .tells(Tells::Writing)
    .creates(),
    Tool::script(
        "ruby File.write",
        &["ruby"],
        r#"ruby -e 'File.write(ENV["F"], File.read(ENV["NEW"]))'"#,
    )
    .creates(),
    Tool::script("go os.WriteFile", &["go"], GO).creates(),
];
