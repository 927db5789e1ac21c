//! A server under attack, the ordinary bots beside it, and what is read off both.

use anyhow::{Context, Result, ensure};
use fracas_tests::verdict::VerdictRow;
use fracas_tests::{Finished, Server, run_bots};
use serde_json::Value;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bots come so fast.
const RAMP_PER_S: usize = 200;
/// Between two looks at something that changes.
const LOOK: Duration = Duration::from_millis(20);

/// Ordinary bots that play meanwhile.
#[derive(Debug)]
pub(crate) struct Cohort {
    bots: usize,
    thread: JoinHandle<Finished>,
}

impl Cohort {
    /// Lets so many bots play for so many steady seconds, with more arguments. They are there a moment after all have joined.
    pub(crate) fn start(server: &Server, bots: usize, steady: Duration, more: &[&str]) -> Self {
        let ramp = Duration::from_secs_f64(bots as f64 / RAMP_PER_S as f64);
        let (url, duration) = (server.url(), format!("{}ms", (ramp + steady).as_millis()));
        let (number, ramp) = (bots.to_string(), format!("{RAMP_PER_S}/s"));
        let mut arguments = vec!["swarm", "--url", &url, "--bots", &number, "--ramp", &ramp, "--duration", &duration];
        arguments.extend(["--json", "-"]);
        arguments.extend(more);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let thread = std::thread::spawn(move || run_bots(&arguments.iter().map(|text| &**text).collect::<Vec<_>>()));
        Self { bots, thread }
    }

    /// Waits until all are in.
    pub(crate) fn wait(&self, server: &Server) {
        server.wait_for("the bots are in", |server| server.metric("fracas_connections") >= self.bots as f64);
    }

    /// Waits for their end.
    pub(crate) fn finish(self) -> Result<SwarmPlayed> {
        let finished = self.thread.join().map_err(|_| anyhow::anyhow!("the bots could not be started"))?;
        let summary = serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))?;
        Ok(SwarmPlayed { bots: self.bots as u64, summary })
    }
}

/// What bots tell of their game.
#[derive(Debug)]
pub(crate) struct SwarmPlayed {
    bots: u64,
    summary: Value,
}

impl SwarmPlayed {
    /// A number of theirs.
    ///
    /// # Panics
    /// If they do not tell it: what is missing must not pass for nothing.
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.summary[key].as_f64().unwrap_or_else(|| panic!("no {key} in {}", self.summary))
    }

    /// How often they were out for a reason.
    pub(crate) fn disconnects(&self, reason: &str) -> u64 {
        self.summary["disconnects"][reason].as_u64().unwrap_or(0)
    }

    /// A point of one of their distributions, in milliseconds.
    pub(crate) fn ms(&self, key: &str, point: &str) -> f64 {
        self.summary[key][point].as_f64().unwrap_or_else(|| panic!("no {key}.{point} in {}", self.summary))
    }

    /// How often they were out who had been in, for whatever reason. Who is told to come back before it is let in has not.
    pub(crate) fn out_in_between(&self) -> u64 {
        let reasons = self.summary["disconnects"].as_object().into_iter().flatten();
        let ends = reasons.filter(|(reason, _)| !["full", "refused"].contains(&reason.as_str()));
        ends.filter_map(|(_, count)| count.as_u64()).sum()
    }

    /// How often what they saw was not what they should.
    pub(crate) fn wrong(&self) -> u64 {
        (self.number("view_mismatches") + self.number("desyncs")) as u64
    }

    /// What must be so for bots that noticed nothing.
    pub(crate) fn unharmed(&self) -> Vec<VerdictRow> {
        vec![
            VerdictRow::exactly("bots beside: there at the end", self.number("bots_at_end") as u64, self.bots),
            VerdictRow::exactly("bots beside: out in between", self.out_in_between(), 0),
            VerdictRow::at_least(
                "bots beside: views that were checked",
                self.number("view_checks"),
                self.bots as f64,
                "",
            ),
            VerdictRow::exactly("bots beside: wrong views and desyncs", self.wrong(), 0),
            VerdictRow::percent(
                "bots beside: updates on time",
                (self.number("on_time") * 1e6) as u64,
                1_000_000,
                95.0,
                true,
            )
            .speed(),
        ]
    }
}

/// How often ticks took how long, so far, and what all threads have worked for them.
#[derive(Clone, Debug)]
pub(crate) struct TickSamples {
    /// Upper edges in seconds, and how many took at most that.
    buckets: Vec<(f64, f64)>,
    /// Seconds of the tick thread, and of the event loops' reading and writing.
    work_s: f64,
}

impl TickSamples {
    /// As the server tells it.
    pub(crate) fn of(server: &Server) -> Result<Self> {
        let text = server.get_ops("/metrics").body;
        let bucket = |line: &str| {
            let (edge, count) = line.strip_prefix("fracas_tick_duration_seconds_bucket{le=\"")?.split_once("\"} ")?;
            Some((edge.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
        };
        let buckets: Vec<_> = text.lines().filter_map(bucket).collect();
        ensure!(!buckets.is_empty(), "no tick times in {text}");
        let is_work = |line: &&str| {
            ["fracas_tick_duration_seconds_sum", "fracas_loop_phase_duration_seconds_sum"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let work = text.lines().filter(is_work).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(Self { buckets, work_s: work.sum() })
    }

    /// What all threads have worked since `before` per tick, in microseconds.
    pub(crate) fn work_us(&self, before: &Self) -> f64 {
        let ticks = |times: &Self| times.buckets.last().map_or(0.0, |(_, all)| *all);
        (self.work_s - before.work_s) * 1e6 / (ticks(self) - ticks(before))
    }

    /// What 99 of a hundred since `before` did not exceed, as the bucket tells it, in milliseconds.
    pub(crate) fn p99_ms(&self, before: &Self) -> f64 {
        let counts = self.buckets.iter().zip(&before.buckets).map(|((edge, now), (_, then))| (*edge, now - then));
        let counts: Vec<_> = counts.collect();
        let wanted = counts.last().map_or(0.0, |(_, all)| all * 0.99);
        counts.iter().find(|(_, count)| *count >= wanted).map_or(f64::INFINITY, |(edge, _)| edge * 1000.0)
    }
}

/// Follows a number that changes, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Peak<'scope> {
    stop: flume::Sender<()>,
    thread: std::thread::ScopedJoinHandle<'scope, f64>,
}

impl<'scope> Peak<'scope> {
    /// Of what `look` tells.
    pub(crate) fn follow<'env>(
        scope: &'scope std::thread::Scope<'scope, 'env>,
        look: impl Fn() -> f64 + Send + 'scope,
    ) -> Self {
        let (stop, stopped) = flume::bounded(1);
        let thread = scope.spawn(move || {
            let mut peak = look();
            while stopped.recv_timeout(LOOK) == Err(flume::RecvTimeoutError::Timeout) {
                peak = peak.max(look());
            }
            peak
        });
        Self { stop, thread }
    }

    /// The highest so far.
    pub(crate) fn end(self) -> Result<f64> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow::anyhow!("what was followed could not be read"))
    }
}

/// The middle of some numbers.
pub(crate) fn median(numbers: Vec<f64>) -> f64 {
    percentile(numbers, 50)
}

/// What so many of a hundred do not exceed.
pub(crate) fn percentile(mut numbers: Vec<f64>, percent: usize) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let at = (numbers.len() * percent / 100).min(numbers.len().saturating_sub(1));
    numbers.get(at).copied().unwrap_or(f64::NAN)
}

/// Does something `count` times on `threads` threads at once, and collects what comes of it.
pub(crate) fn in_parallel<T: Send>(count: usize, threads: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push(act(number));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// Seconds since then.
pub(crate) fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
