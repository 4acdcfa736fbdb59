//! The command line of the app.

use std::path::PathBuf;

use clap::Parser;

/// Watches the long-running work on your machines and says when it finishes or breaks.
#[derive(Debug, Clone, Parser)]
#[command(name = "taskpaw", version = taskpaw_contract::version())]
pub(crate) struct Arguments {
    /// Start without showing the window.
    #[arg(long)]
    pub(crate) background: bool,
    /// Ask the running TaskPaw to end.
    #[arg(long)]
    pub(crate) quit: bool,
    /// Start, wait until every role is ready, save a picture of the window, print one line of JSON, and end.
    #[arg(long, value_name = "PICTURE")]
    pub(crate) check: Option<PathBuf>,
    /// Start this version on trial and stay beside it: for the app itself.
    #[arg(long, value_name = "VERSION", hide = true)]
    pub(crate) stay_beside: Option<String>,
    /// Replace a version on trial that does not work, before there is a window: for the app itself.
    #[arg(long, hide = true)]
    pub(crate) goes_back: bool,
}
