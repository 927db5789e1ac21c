//! A cgroup of one's own that limits memory, of whichever version is mounted; gone when dropped.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the kernel keeps what.
#[derive(Clone, Copy, Debug)]
struct Words {
    limit: &'static str,
    used: &'static str,
    /// The file that tells how many processes were killed.
    kills: &'static str,
}

const VERSION_1: Words =
    Words { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", kills: "memory.oom_control" };
const VERSION_2: Words = Words { limit: "memory.max", used: "memory.current", kills: "memory.events" };

/// The group.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
    words: Words,
}

impl Group {
    /// Makes one, with a limit in bytes if there is to be any.
    ///
    /// # Errors
    /// If that cannot be done here, in words.
    pub(crate) fn new(limit: Option<u64>) -> Result<Self> {
        let (parent, words) = parent()?;
        // Two of one process may be there at the same time.
        let name = |number: u32| parent.join(format!("fracas-fault-{}-{number}", std::process::id()));
        let folder =
            (0..100).map(name).find(|folder| !folder.exists()).context("there are too many cgroups of ours")?;
        fs::create_dir(&folder).with_context(|| format!("{}: is this not root?", folder.display()))?;
        let group = Self { folder, words };
        if !group.folder.join(words.limit).exists() {
            // Version 2 counts memory only where the group above says so.
            let _ = fs::write(parent.join("cgroup.subtree_control"), "+memory");
        }
        if !group.folder.join(words.limit).exists() {
            bail!("{}: no {}; the kernel does not count memory there", group.folder.display(), words.limit);
        }
        if let Some(limit) = limit {
            fs::write(group.folder.join(words.limit), limit.to_string()).context("the limit is not taken")?;
        }
        Ok(group)
    }

    /// What a shell says to be in it.
    pub(crate) fn enter(&self) -> String {
        format!("echo $$ > {}", self.folder.join("cgroup.procs").display())
    }

    /// What all in it use, in bytes.
    pub(crate) fn used(&self) -> Result<u64> {
        self.number(self.words.used, "")
    }

    /// How many processes in it were killed because there was no memory.
    pub(crate) fn kills(&self) -> Result<u64> {
        self.number(self.words.kills, "oom_kill ")
    }

    fn number(&self, file: &str, name: &str) -> Result<u64> {
        let text = fs::read_to_string(self.folder.join(file)).with_context(|| file.to_owned())?;
        let rest =
            text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{name} in {text}"))?;
        rest.trim().parse().with_context(|| rest.to_owned())
    }
}

impl Drop for Group {
    #[expect(clippy::print_stderr, reason = "whoever ran it has to clear up")]
    fn drop(&mut self) {
        // Those in it have just been killed; the kernel may need a moment.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} could not be removed", self.folder.display());
    }
}

/// The folder to make groups in.
fn parent() -> Result<(PathBuf, Words)> {
    let mounts = fs::read_to_string("/proc/mounts").context("the kernel does not tell what is mounted")?;
    let mounts: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
    let point = |is: &dyn Fn(&str, &str) -> bool| {
        mounts.iter().find(|fields| fields.len() > 3 && is(fields[2], fields[3])).map(|fields| PathBuf::from(fields[1]))
    };
    if let Some(point) = point(&|kind, options| kind == "cgroup" && options.split(',').any(|word| word == "memory")) {
        return Ok((point, VERSION_1));
    }
    let point = point(&|kind, _| kind == "cgroup2").context("no cgroups are mounted, so memory cannot be limited")?;
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    // Beside our own group: one that has processes may not have groups that count.
    let beside = Path::new(own).parent().unwrap_or(Path::new(""));
    Ok((point.join(beside), VERSION_2))
}
