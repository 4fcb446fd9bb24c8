//! The programs that some tests need besides Rust: found, installed, or named as missing.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An external program and the tests that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// The program, as found on the search path, e.g. `redis-server`.
    pub(crate) tool: &'static str,
    /// The package of Debian and Ubuntu that brings it.
    pub(crate) package: &'static str,
    /// The test module that holds every test of it, e.g. `needs_redis`.
    pub(crate) module: &'static str,
}

/// Every need of today's tests. Empty: no test needs more than Rust.
pub(crate) const NEEDS: &[Need] = &[];

/// Recordings that some tests compare with. They are no part of the repository and nothing can bring them, so that it is no failure to
/// be without: the tests are skipped, counted as skipped, and named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recordings {
    /// The variable that names their folder.
    pub(crate) variable: &'static str,
    /// Where they are looked for without it, from the root of the workspace.
    pub(crate) beside: &'static str,
    /// The test module that holds every test of them.
    pub(crate) module: &'static str,
}

/// The recordings of today's tests.
pub(crate) const RECORDINGS: &[Recordings] = &[
    Recordings {
        variable: "RDM_FIXTURES",
        beside: "../shared/fixtures",
        module: "needs_recordings",
    },
    Recordings {
        variable: "RDM_MARKET_DATA",
        beside: "../shared/market-data",
        module: "needs_market_data",
    },
];

impl Recordings {
    /// Whether the folder is there; `named` is what the variable holds.
    pub(crate) fn are_at_hand(&self, named: Option<OsString>, root: &Path) -> bool {
        named
            .map_or_else(|| root.join(self.beside), PathBuf::from)
            .is_dir()
    }
}

impl fmt::Display for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            beside,
            module,
        } = self;
        write!(
            f,
            "no recordings in {beside}, and {variable} names no other folder; the tests in {module} are skipped"
        )
    }
}

/// A need that could not be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    need: Need,
    installation: Installation,
}

/// What became of an attempt to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installation {
    Done,
    /// Not root, or not a system with apt-get.
    NotPossible,
    Failed,
}

impl Missing {
    /// The test module that cannot run.
    pub(crate) fn module(&self) -> &str {
        self.need.module
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Need {
            tool,
            package,
            module,
        } = self.need;
        let why = match self.installation {
            Installation::Failed => "installing it failed",
            Installation::NotPossible | Installation::Done => "not on the search path",
        };
        write!(
            f,
            "missing: {tool} ({why}; Debian package {package}); the tests in {module} are skipped"
        )
    }
}

/// The machine that the tests run on.
pub(crate) trait Machine {
    /// Is the program on the search path?
    fn has(&self, tool: &str) -> bool;
    /// Tries to install a package of the system.
    fn install(&mut self, package: &str) -> Installation;
}

/// Brings up every need that it can, and returns the others.
pub(crate) fn prepare(needs: &[Need], machine: &mut impl Machine) -> Vec<Missing> {
    let mut missing = Vec::new();
    for &need in needs {
        if machine.has(need.tool) {
            continue;
        }
        let installation = machine.install(need.package);
        if !machine.has(need.tool) {
            missing.push(Missing { need, installation });
        }
    }
    missing
}

/// This machine.
#[derive(Debug)]
pub(crate) struct Host;

impl Machine for Host {
    fn has(&self, tool: &str) -> bool {
        let file = format!("{tool}{}", std::env::consts::EXE_SUFFIX);
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(&file).is_file()))
    }

    fn install(&mut self, package: &str) -> Installation {
        let debian = Path::new("/etc/debian_version").exists();
        if !debian || !self.has("apt-get") || !is_root() {
            return Installation::NotPossible;
        }
        // A fresh machine has no package lists; without them nothing is found.
        if apt_get(&["install", "--yes", "--no-install-recommends", package])
            || (apt_get(&["update"])
                && apt_get(&["install", "--yes", "--no-install-recommends", package]))
        {
            Installation::Done
        } else {
            Installation::Failed
        }
    }
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> bool {
    Command::new("apt-get")
        .arg("--quiet")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Host, Installation, Machine, Missing, Need, Recordings, prepare};

    const REDIS: Need = Need {
        tool: "redis-server",
        package: "redis-server",
        module: "needs_redis",
    };
    const BROWSER: Need = Need {
        tool: "chromium",
        package: "chromium",
        module: "needs_browser",
    };

    /// A machine with some tools, on which some packages can be installed.
    struct Bench {
        tools: Vec<String>,
        installable: Vec<&'static str>,
        asked: Vec<String>,
    }

    impl Machine for Bench {
        fn has(&self, tool: &str) -> bool {
            self.tools.iter().any(|t| t == tool)
        }

        fn install(&mut self, package: &str) -> Installation {
            self.asked.push(package.to_owned());
            if self.installable.contains(&package) {
                self.tools.push(package.to_owned());
                Installation::Done
            } else {
                Installation::NotPossible
            }
        }
    }

    #[test]
    fn a_tool_that_is_there_is_not_installed() {
        let mut machine = Bench {
            tools: vec!["redis-server".to_owned()],
            installable: vec![],
            asked: vec![],
        };
        assert_eq!(prepare(&[REDIS], &mut machine), []);
        assert!(machine.asked.is_empty());
    }

    #[test]
    fn a_missing_tool_is_installed_or_named() {
        let mut machine = Bench {
            tools: vec![],
            installable: vec!["redis-server"],
            asked: vec![],
        };
        let missing = prepare(&[REDIS, BROWSER], &mut machine);
        assert_eq!(machine.asked, ["redis-server", "chromium"]);
        assert_eq!(
            missing,
            [Missing {
                need: BROWSER,
                installation: Installation::NotPossible,
            }]
        );
        assert_eq!(missing[0].module(), "needs_browser");
        assert_eq!(
            missing[0].to_string(),
            "missing: chromium (not on the search path; Debian package chromium); \
             the tests in needs_browser are skipped"
        );
    }

    #[test]
    fn an_installation_that_brings_no_tool_is_a_missing_tool() {
        struct Liar;
        impl Machine for Liar {
            fn has(&self, _: &str) -> bool {
                false
            }
            fn install(&mut self, _: &str) -> Installation {
                Installation::Done
            }
        }
        assert_eq!(prepare(&[REDIS], &mut Liar).len(), 1);
    }

    #[test]
    fn the_host_finds_programs_by_name() {
        assert!(Host.has("cargo"));
        assert!(!Host.has("no-such-program-anywhere"));
    }

    #[test]
    fn recordings_that_are_not_at_hand_are_told_with_the_variable_that_names_them() {
        let recordings = Recordings {
            variable: "RDM_SUCH",
            beside: "src",
            module: "needs_such",
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(recordings.are_at_hand(None, root));
        assert!(recordings.are_at_hand(Some(root.into()), Path::new("/nowhere")));
        assert!(!recordings.are_at_hand(Some("/nowhere/at/all".into()), root));
        assert_eq!(
            recordings.to_string(),
            "no recordings in src, and RDM_SUCH names no other folder; the tests in needs_such are skipped"
        );
    }
}
