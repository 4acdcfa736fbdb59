//! What a Python interpreter was asked to run, read from its arguments as the interpreter reads them.

/// What an interpreter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    /// `python -m MODULE`
    Module(&'a str),
    /// `python SCRIPT`
    Script(&'a str),
}

/// Whether the base name of an executable is that of a Python interpreter: `python`, `python3`,
/// `python3.12`, `python3.13t`, `pythonw`, `pypy3`, each with or without `.exe`. Expects lower case.
pub(super) fn is_interpreter(base_name: &str) -> bool {
    let name = base_name.strip_suffix(".exe").unwrap_or(base_name);
    let Some(rest) = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy")) else {
        return false;
    };
    let rest = rest.strip_prefix('w').unwrap_or(rest);
    // A version, and then at most the letter of a build variant (t: free-threaded, d: debug, m: pymalloc).
    let version = rest.strip_suffix(['t', 'd', 'm', 'w']).unwrap_or(rest);
    rest.is_empty()
        || version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The module or script that the interpreter runs, and the arguments that are left to it.
///
/// Follows CPython's own reading of its command line (`Python/getopt.c`): options stop at `-c`, `-m`, `--`
/// or the first operand; letters may be joined (`-Im module`), and values too (`-Wignore`). Anything that is
/// not understood gives nothing, so that it is never taken for ours.
pub(super) fn operand(argv: &[String]) -> Option<(Operand<'_>, &[String])> {
    let mut rest = argv.get(1..)?;
    loop {
        let (argument, after) = rest.split_first()?;
        rest = after;
        if argument == "--" {
            let (script, arguments) = rest.split_first()?;
            return Some((Operand::Script(script), arguments));
        }
        if let Some(long) = argument.strip_prefix("--") {
            match long {
                "check-hash-based-pycs" | "jit" => rest = rest.get(1..)?,
                _ => return None,
            }
            continue;
        }
        let Some(letters) = argument.strip_prefix('-') else {
            return Some((Operand::Script(argument), rest));
        };
        if letters.is_empty() {
            return None; // `-`: the program is read from standard input
        }
        for (at, letter) in letters.char_indices() {
            let joined = &letters[at + letter.len_utf8()..];
            match letter {
                'm' if joined.is_empty() => {
                    let (module, arguments) = rest.split_first()?;
                    return Some((Operand::Module(module), arguments));
                }
                'm' => return Some((Operand::Module(joined), rest)),
                'W' | 'X' | 'Q' => {
                    if joined.is_empty() {
                        rest = rest.get(1..)?;
                    }
                    break;
                }
                'b' | 'B' | 'd' | 'E' | 'i' | 'I' | 'O' | 'P' | 'q' | 'R' | 's' | 'S' | 't' | 'u' | 'v'
                | 'x' => {}
                _ => return None, // `-c`, and everything unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(Operand<'static>, usize)> {
        let argv: &'static [String] =
            Box::leak(line.split(' ').map(str::to_owned).collect::<Vec<_>>().into_boxed_slice());
        operand(argv).map(|(what, rest)| (what, rest.len()))
    }

    #[test]
    fn options_are_read_as_the_interpreter_reads_them() {
        use Operand::{Module, Script};
        for (line, expected) in [
            ("python -m a.b c d", Some((Module("a.b"), 2))),
            ("python -ma.b c", Some((Module("a.b"), 1))),
            ("python -uIm a.b", Some((Module("a.b"), 0))),
            ("python -X dev -Wignore -Q new x.py y", Some((Script("x.py"), 1))),
            ("python -Xm x.py", Some((Script("x.py"), 0))),
            ("python --check-hash-based-pycs always x.py", Some((Script("x.py"), 0))),
            ("python -- -m.py", Some((Script("-m.py"), 0))),
            ("python -c code -m a.b", None),
            ("python -Bc code -m a.b", None),
            ("python - -m a.b", None),
            ("python -m", None),
            ("python -X", None),
            ("python", None),
            ("python --unknown -m a.b", None),
            ("python -é -m a.b", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
        assert_eq!(operand(&[]), None);
    }

    #[test]
    fn interpreters_are_known_by_their_whole_name() {
        for name in [
            "python",
            "python3",
            "python3.12",
            "python3.13t",
            "pythonw.exe",
            "python.exe",
            "pypy3",
            "pypy3.10",
            "pythonw3.12",
        ] {
            assert!(is_interpreter(name), "{name}");
        }
        for name in
            ["python-config", "pythonista", "python3.", "bpython", "ipython3", "pythont", "pypyx", "vim"]
        {
            assert!(!is_interpreter(name), "{name}");
        }
    }
}
