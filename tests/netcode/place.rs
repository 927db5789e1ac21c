//! Where the programs run: near and far, in two network namespaces with a bad line between them, or both here.

use anyhow::{Context, Result, bail};
use fracas_bots::conditioner::LinkConditions;
use fracas_tests::program::repository;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The near end's address on the line, as `link.py` gives it.
const NEAR_ADDRESS: &str = "10.98.0.1";

/// A process that is ended when it is no longer needed.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it, with its standard output to be read.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Self(child.with_context(|| format!("{command:?} does not start"))?))
    }

    /// A reader of what it says.
    pub(crate) fn output(&mut self) -> Result<BufReader<std::process::ChildStdout>> {
        Ok(BufReader::new(self.0.stdout.take().context("its output is read already")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Both ends, and the line between them.
#[derive(Debug)]
pub(crate) enum TestBed {
    /// Two namespaces; what is made for them is taken away when this is dropped.
    Namespaces {
        near: Namespace,
        far: Namespace,
        /// Between them.
        _line: Process,
    },
    /// One: the players hold messages back themselves.
    Here,
}

/// A network namespace that was made for this run.
#[derive(Debug)]
pub(crate) struct Namespace(String);

/// Namespaces of runs have names that begin so and end with the process's id.
const NAMESPACE_PREFIX: &str = "fracas-";

/// Takes away what runs left behind that were cut off.
fn remove_forgotten() {
    let Ok(listed) = Command::new("ip").args(["netns", "list"]).output() else { return };
    let listed = String::from_utf8_lossy(&listed.stdout);
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    for name in names.filter(|name| name.starts_with(NAMESPACE_PREFIX)) {
        let id = name.rsplit('-').next().and_then(|id| id.parse::<u32>().ok());
        if id.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            drop(Namespace(name.into()));
        }
    }
}

impl Namespace {
    fn make(end: &str) -> Result<Self> {
        let name = format!("{NAMESPACE_PREFIX}{end}-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).status().context("there is no `ip` (iproute2)")?;
        if !made.success() {
            bail!("no network namespace can be made: become root, or use --in-process");
        }
        Ok(Self(name))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing can be done if it does not go; its name tells whose it was.
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

impl TestBed {
    /// Two namespaces with `line` between them, which ends by itself after `time`.
    pub(crate) fn namespaces(line: LinkConditions, seed: u64, time: Duration) -> Result<Self> {
        remove_forgotten();
        let (near, far) = (Namespace::make("near")?, Namespace::make("far")?);
        let ms = |time: Duration| (time.as_secs_f64() * 1000.0).to_string();
        let mut link = Command::new("python3");
        link.arg(repository().join("tests/netcode/link.py")).args([&near.0, &far.0]);
        link.args([ms(line.delay), ms(line.jitter), (f64::from(line.loss) / 100.0).to_string()]);
        link.args([seed.to_string(), time.as_secs_f64().to_string()]);
        let mut process = Process::start(&mut link)?;
        let mut ready = String::new();
        process.output()?.read_line(&mut ready)?;
        if ready.trim() != "ready" {
            bail!("there is no line between the namespaces (is there /dev/net/tun?): {ready:?}");
        }
        Ok(Self::Namespaces { near, far, _line: process })
    }

    /// The address at which what listens near is reached from afar.
    pub(crate) fn near_address(&self) -> &'static str {
        match self {
            Self::Namespaces { .. } => NEAR_ADDRESS,
            Self::Here => "127.0.0.1",
        }
    }

    /// A command to run a program where the server is.
    pub(crate) fn near(&self, program: &Path) -> Command {
        self.command(|near, _| near, program)
    }

    /// A command to run a program where the players are.
    pub(crate) fn far(&self, program: &Path) -> Command {
        self.command(|_, far| far, program)
    }

    fn command<'a>(&'a self, end: impl Fn(&'a Namespace, &'a Namespace) -> &'a Namespace, program: &Path) -> Command {
        match self {
            Self::Namespaces { near, far, .. } => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &end(near, far).0]).arg(program);
                command
            }
            Self::Here => Command::new(program),
        }
    }
}
