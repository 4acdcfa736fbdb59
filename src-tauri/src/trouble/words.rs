//! What a person is told of a role that cannot run, besides what the tray says too.

use taskpaw_contract::config::Language;

use crate::language;

/// The words of a language. A name in double braces stands for what is filled in.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) held: &'static str,
    pub(super) waits: &'static str,
    pub(super) retries: &'static str,
    pub(super) asks: &'static str,
    pub(super) open: &'static str,
    pub(super) another_port: &'static str,
    pub(super) and: &'static str,
    /// Of a process: with its name, and without one that can be seen.
    holders: [&'static str; 2],
}

const ENGLISH: Words = Words {
    held: "Held by {{holders}}. ",
    waits: "TaskPaw starts by itself as soon as it can.",
    retries: "TaskPaw tries again by itself.",
    asks: "Open TaskPaw to choose what to do.",
    open: "Open TaskPaw",
    another_port: "Use {{ports}}",
    and: " and ",
    holders: ["{{name}} (pid {{pid}})", "a program that cannot be named (pid {{pid}})"],
};

const SIMPLIFIED_CHINESE: Words = Words {
    held: "占用者：{{holders}}。",
    waits: "一旦可用，TaskPaw 就会自动启动。",
    retries: "TaskPaw 会自动重试。",
    asks: "请打开 TaskPaw，选择接下来怎么做。",
    open: "打开 TaskPaw",
    another_port: "改用 {{ports}}",
    and: " 和 ",
    holders: ["{{name}}（进程号 {{pid}}）", "名称未知的程序（进程号 {{pid}}）"],
};

impl Words {
    /// The words for what a person chose; `system` is the system's own language, such as `zh-CN`.
    pub(super) fn of(chosen: Language, system: &str) -> &'static Self {
        if language::is_chinese(chosen, system) { &SIMPLIFIED_CHINESE } else { &ENGLISH }
    }

    /// Who holds a port.
    pub(super) fn holder(&self, name: Option<&str>, pid: u32) -> String {
        let pattern = self.holders[usize::from(name.is_none())];
        pattern.replace("{{pid}}", &pid.to_string()).replace("{{name}}", name.unwrap_or_default())
    }
}
