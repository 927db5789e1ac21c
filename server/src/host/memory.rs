//! Reads how much memory the process may use and uses, from its cgroups (of either version) and from the machine.
//! [`crate::admission::memory_budget`] decides what follows from that.

use crate::admission::memory_budget::{LOOK_EVERY, MemoryUse};
use crate::front::http::Front;
use procfs::process::MountInfo;
use procfs::{FromRead, ProcessCGroup, ProcessCGroups};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// Memory of one more player. 8 to 12 KiB were measured, as counted for a cgroup of version 1. Version 2 also counts
/// the sockets' buffers.
const PLAYER_BYTES: u64 = 12 * 1024;
/// A larger limit means no limit.
const ENDLESS: u64 = 1 << 60;
/// Least time between two log lines of the same kind.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// The names of a cgroup's memory files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CgroupFiles {
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` with the memory that the kernel would drop first: files not used for a while.
    droppable: &'static str,
}

const VERSION_1: CgroupFiles =
    CgroupFiles { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", droppable: "total_inactive_file " };
const VERSION_2: CgroupFiles = CgroupFiles { limit: "memory.max", used: "memory.current", droppable: "inactive_file " };

/// Everything that may limit the process's memory.
#[derive(Debug)]
pub(crate) struct MemoryLimits {
    proc: PathBuf,
    /// The cgroups that the process is in, each beside those it is part of.
    groups: Vec<(PathBuf, CgroupFiles)>,
}

impl MemoryLimits {
    /// The limits that the system has in `proc`, mostly `/proc`.
    pub(crate) fn find(proc: &Path) -> Self {
        let mounts = std::fs::read_to_string(proc.join("self/mountinfo")).unwrap_or_default();
        let memberships = ProcessCGroups::from_file(proc.join("self/cgroup")).map_or_else(|_| Vec::new(), |all| all.0);
        let mut groups = Vec::new();
        // One by one, so that a line which nobody understands costs no other.
        for mount in mounts.lines().filter_map(|line| MountInfo::from_line(line).ok()) {
            let Some(files) = files_of(&mount) else { continue };
            let is_ours = |group: &&ProcessCGroup| match files {
                VERSION_2 => group.controllers.is_empty(),
                _ => group.controllers.iter().any(|controller| controller == "memory"),
            };
            let path = memberships.iter().find(is_ours).map_or("", |group| &group.pathname);
            let below = Path::new(path).strip_prefix(&mount.root).unwrap_or(Path::new(""));
            groups.extend(below.ancestors().map(|folder| (mount.mount_point.join(folder), files)));
        }
        groups.retain(|(folder, files)| folder.join(files.used).exists());
        Self { proc: proc.into(), groups }
    }

    /// The use of the nearest limit. None if the system has no limit.
    pub(crate) fn look(&self) -> Option<MemoryUse> {
        let groups = self.groups.iter().filter_map(|(folder, files)| look_at_group(folder, *files));
        groups.chain(self.look_at_machine()).reduce(MemoryUse::tighter)
    }

    /// The process's memory, and what the machine has left. Memory of other processes cannot be used.
    fn look_at_machine(&self) -> Option<MemoryUse> {
        let used = number(&self.proc.join("self/status"), "VmRSS:")? * 1024;
        let available = number(&self.proc.join("meminfo"), "MemAvailable:")? * 1024;
        Some(MemoryUse { used, limit: used + available })
    }
}

fn look_at_group(folder: &Path, files: CgroupFiles) -> Option<MemoryUse> {
    // "max" is no number.
    let limit = number(&folder.join(files.limit), "").filter(|limit| *limit < ENDLESS)?;
    let droppable = number(&folder.join("memory.stat"), files.droppable).unwrap_or(0);
    let used = number(&folder.join(files.used), "")?.saturating_sub(droppable);
    Some(MemoryUse { used, limit })
}

/// The number that follows `name` at the start of a line.
fn number(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// How a hierarchy of cgroups counts memory, if it does.
fn files_of(mount: &MountInfo) -> Option<CgroupFiles> {
    match mount.fs_type.as_str() {
        "cgroup2" => Some(VERSION_2),
        "cgroup" => mount.super_options.contains_key("memory").then_some(VERSION_1),
        _ => None,
    }
}

/// Logs for how many players there is memory, and whether that is less than the settings allow.
pub(crate) fn log_limits(limits: &MemoryLimits, max_players: u16) {
    let Some(seen) = limits.look() else {
        return tracing::warn!("the system does not tell of its memory; nobody is refused for want of it");
    };
    let (limit_bytes, used_bytes, players) = (seen.limit, seen.used, seen.room_for(PLAYER_BYTES));
    tracing::info!(limit_bytes, used_bytes, players, "memory, and for how many players there is some");
    if players < max_players.into() {
        tracing::warn!(
            players,
            max_players,
            "less memory than for --max-players; raise its limit or lower the number, or some are refused"
        );
    }
}

/// Reads the memory use regularly until the task is dropped.
pub(crate) async fn watch(limits: MemoryLimits, front: Arc<Front>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut complained: Option<Instant> = None;
    loop {
        interval.tick().await;
        let Some(seen) = limits.look() else { continue };
        front.metrics.memory(seen);
        let is_short = front.admission.memory().look(seen, front.admission.connections());
        if is_short && complained.is_none_or(|at| at.elapsed() >= COMPLAINT_PAUSE) {
            complained = Some(Instant::now());
            let (limit_bytes, used_bytes) = (seen.limit, seen.used);
            tracing::warn!(limit_bytes, used_bytes, "memory runs out: newcomers are refused; raise its limit");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const MACHINE: MemoryUse = MemoryUse { used: 10 << 20, limit: 210 << 20 };

    /// A system in a folder of its own: its cgroups are mounted below `sys`.
    struct System(tempfile::TempDir);

    impl System {
        fn new(mounts: &[(&str, &str, &str)], memberships: &str) -> Self {
            let system = Self(tempfile::tempdir().expect("a folder"));
            let root = system.0.path().display().to_string();
            let line = |(root_inside, point, kind): &(&str, &str, &str)| {
                format!("35 31 0:32 {root_inside} {root}/{point} rw,relatime shared:9 - {kind}\n")
            };
            system.write("proc/self/mountinfo", &mounts.iter().map(line).collect::<String>());
            system.write("proc/self/cgroup", memberships);
            system.write("proc/self/status", "Name:\tfracas\nVmRSS:\t   10240 kB\nThreads:\t4\n");
            system.write("proc/meminfo", "MemTotal:  999999 kB\nMemFree: 1 kB\nMemAvailable:   204800 kB\n");
            system
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("writes");
        }

        fn group_1(&self, folder: &str, limit: &str, used: u64) {
            self.write(&format!("{folder}/memory.limit_in_bytes"), limit);
            self.write(&format!("{folder}/memory.usage_in_bytes"), &format!("{used}\n"));
            self.write(&format!("{folder}/memory.stat"), "cache 9\ninactive_file 5\ntotal_inactive_file 1000\n");
        }

        fn group_2(&self, folder: &str, limit: &str, used: u64) {
            self.write(&format!("{folder}/memory.max"), limit);
            self.write(&format!("{folder}/memory.current"), &format!("{used}\n"));
            self.write(&format!("{folder}/memory.stat"), "anon 7\ninactive_file 1000\nactive_file 3\n");
        }

        fn look(&self) -> Option<MemoryUse> {
            MemoryLimits::find(&self.0.path().join("proc")).look()
        }
    }

    const CGROUP_1: &str = "cgroup cgroup rw,memory";
    const CGROUP_2: &str = "cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn a_limit_of_version_1_is_found_and_files_that_can_be_dropped_do_not_count() {
        let mounts =
            [("/", "sys/cpu", "cgroup cgroup rw,cpu"), ("/", "sys/memory", CGROUP_1), ("/", "sys/u", CGROUP_2)];
        let system = System::new(&mounts, "9:cpu:/\n4:memory:/a/b\n0::/\n");
        system.group_1("sys/memory", "9223372036854771712\n", 1 << 40);
        system.group_1("sys/memory/a", "9223372036854771712\n", 1 << 40);
        system.group_1("sys/memory/a/b", "67108864\n", 8_001_000);
        assert_eq!(system.look(), Some(MemoryUse { used: 8_000_000, limit: 64 << 20 }));
    }

    #[test]
    fn of_nested_groups_the_tightest_counts_with_all_that_is_in_it() {
        let system = System::new(&[("/", "sys", CGROUP_2)], "0::/pod/server\n");
        system.group_2("sys/pod/server", "67108864\n", 8_001_000);
        system.group_2("sys/pod", "134217728\n", 100_001_000);
        assert_eq!(system.look(), Some(MemoryUse { used: 100_000_000, limit: 128 << 20 }));
        system.group_2("sys/pod", "max\n", 100_001_000);
        assert_eq!(system.look(), Some(MemoryUse { used: 8_000_000, limit: 64 << 20 }));
    }

    #[test]
    fn in_a_container_its_own_group_is_where_the_hierarchy_is_mounted() {
        for path in ["/docker/0123", "/", "/elsewhere"] {
            let system = System::new(&[("/docker/0123", "sys/memory", CGROUP_1)], &format!("4:memory,cpu:{path}\n"));
            system.group_1("sys/memory", "67108864\n", 8_001_000);
            assert_eq!(system.look(), Some(MemoryUse { used: 8_000_000, limit: 64 << 20 }), "{path}");
        }
    }

    #[test]
    fn without_a_limit_the_machine_is_one_and_a_limit_may_come_while_we_run() {
        let system = System::new(&[("/", "sys", CGROUP_2)], "0::/pod\n");
        assert_eq!(system.look(), Some(MACHINE), "no group tells of memory");
        system.group_2("sys/pod", "max\n", 8_001_000);
        let limits = MemoryLimits::find(&system.0.path().join("proc"));
        assert_eq!(limits.look(), Some(MACHINE));
        system.group_2("sys/pod", "67108864\n", 8_001_000);
        assert_eq!(limits.look(), Some(MemoryUse { used: 8_000_000, limit: 64 << 20 }));
        assert_eq!(MemoryLimits::find(Path::new("/no/such/folder")).look(), None);
    }

    #[test]
    fn this_system_tells_something_that_can_be() {
        let seen = MemoryLimits::find(Path::new("/proc")).look().expect("Linux does");
        assert!(seen.used > 1 << 20 && seen.limit > seen.used, "{seen:?}");
    }
}
