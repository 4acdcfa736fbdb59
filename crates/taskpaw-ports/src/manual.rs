//! The manual page: one page for all calls, made from what `--help` is made from.

use std::io;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::arguments::Arguments;

/// The page in roff.
pub(crate) fn manual() -> io::Result<Vec<u8>> {
    let mut command = Arguments::command();
    command.build();
    let mut page = Vec::new();
    let whole = Man::new(command.clone());
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    page.extend_from_slice(&as_written(&whole, ".SH \"EXIT STATUS AND EXAMPLES\"")?);
    for call in command.get_subcommands().filter(|call| call.get_name() != "help") {
        page.extend_from_slice(&section(call)?);
    }
    whole.render_version_section(&mut page)?;
    Ok(page)
}

/// One call. Its parts are sections of a page of their own, and here become parts of one section.
fn section(call: &Command) -> io::Result<Vec<u8>> {
    let mut parts = Vec::new();
    let man = Man::new(call.clone());
    man.render_description_section(&mut parts)?;
    man.render_synopsis_section(&mut parts)?;
    man.render_options_section(&mut parts)?;
    parts.extend_from_slice(&as_written(&man, ".SS EXAMPLES")?);
    let heading = format!(".SH \"TASKPAW\\-PORTS {}\"\n", call.get_name().to_uppercase());
    let parts = String::from_utf8_lossy(&parts).replace(".SH ", ".SS ");
    Ok((heading + &parts).into_bytes())
}

/// What stands behind the options of `--help`, line by line: the examples are aligned.
fn as_written(man: &Man, heading: &str) -> io::Result<Vec<u8>> {
    let mut extra = Vec::new();
    man.render_extra_section(&mut extra)?;
    let extra = String::from_utf8_lossy(&extra).replacen(".SH EXTRA", &format!("{heading}\n.nf"), 1);
    Ok((extra + ".fi\n").into_bytes())
}
