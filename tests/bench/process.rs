//! Child processes on cores of their own, and what the system knows of them.

use anyhow::{Context as _, Result, bail};
use procfs::process::Process;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A command that runs on one core only.
pub(crate) fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A server under measurement, killed when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    /// Where players connect.
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server that says `listening game=ADDR` on standard error.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let Some(stderr) = child.stderr.take() else { bail!("standard error is piped") };
        let mut lines = BufReader::new(stderr).lines();
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next() else { bail!("the server ended: {said}") };
            let line = line?;
            if let Some(rest) = line.strip_prefix("listening game=") {
                break rest.split(' ').next().unwrap_or_default().parse()?;
            }
            said += &line;
        };
        // What it says later is of no interest, but must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and gives what it wrote to standard output. Its standard error is ours.
pub(crate) fn output_of(mut command: Command) -> Result<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("is taskset installed?")?;
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text)?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(text)
}

/// What the system has counted for a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// CPU time of all its threads, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// How often its threads went to sleep by themselves.
    pub(crate) voluntary_switches: u64,
    /// Memory it holds, in KiB.
    pub(crate) resident_kib: u64,
    /// Threads it has.
    pub(crate) threads: u64,
}

impl Usage {
    /// Asks the system. A thread that has ended does not count any more, so the process should keep its threads.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut usage = Self::default();
        let process = Process::new(pid as i32).context("the server is gone")?;
        for task in process.tasks()? {
            let task = task?;
            usage.cpu_ns += task.schedstat()?.sum_exec_runtime;
            usage.voluntary_switches += task.status()?.voluntary_ctxt_switches.context("no count of switches")?;
            usage.threads += 1;
        }
        usage.resident_kib = process.status()?.vmrss.context("no memory")?;
        Ok(usage)
    }

    /// What was used since an earlier look; memory and threads as they are now.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            ..self
        }
    }
}
