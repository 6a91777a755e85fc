//! `pvefs generate`: manual pages, shell completion and editors' files, from the command line and the option table.

mod editors;
mod man;

use crate::cli::CliError;
use clap::Command;
use clap_complete::Shell;
use man::{container_page, datacenter_page, storage_page};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write manual pages, shell completion and editors' files
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct Args {
    /// What to write
    #[arg(value_enum)]
    what: What,
    /// Directory to write to; it is made if it is missing
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// pvefs.1, pvefs-check.1, …, pct.conf.5, storage.cfg.5, datacenter.cfg.5
    Man,
    /// bash, zsh and fish completion
    Completions,
    /// syntax/pveconf.vim, ftdetect/pveconf.vim and compiler/pvefs.vim
    Vim,
    /// pveconf.nanorc
    Nano,
}

fn write(directory: &Path, name: &str, content: &[u8]) -> Result<(), CliError> {
    let path = directory.join(name);
    fs::write(&path, content)
        .map_err(|error| CliError::new(format!("cannot write {}: {error}", path.display())))
}

/// Writes the files.
///
/// # Errors
/// When the directory cannot be made or a file not be written.
pub fn run(args: &Args, command: Command) -> Result<ExitCode, CliError> {
    let directory = args.directory.as_path();
    fs::create_dir_all(directory)
        .map_err(|error| CliError::new(format!("cannot make {}: {error}", directory.display())))?;
    match args.what {
        What::Man => {
            clap_mangen::generate_to(command, directory).map_err(CliError::new)?;
            write(directory, "pct.conf.5", container_page().render().as_bytes())?;
            write(directory, "storage.cfg.5", storage_page().render().as_bytes())?;
            write(directory, "datacenter.cfg.5", datacenter_page().render().as_bytes())?;
        }
        What::Completions => {
            let mut command = command;
            for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
                clap_complete::generate_to(shell, &mut command, "pvefs", directory)
                    .map_err(CliError::new)?;
            }
        }
        What::Vim => {
            for (folder, name, content) in editors::vim() {
                let folder = directory.join(folder);
                fs::create_dir_all(&folder).map_err(|error| {
                    CliError::new(format!("cannot make {}: {error}", folder.display()))
                })?;
                write(&folder, name, content.as_bytes())?;
            }
        }
        What::Nano => write(directory, "pveconf.nanorc", editors::nano().as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
