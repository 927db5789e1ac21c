//! A light swarm: one thread that plays for thousands, so that what is measured is the server. Most members read frames'
//! headers and send seeded inputs; a cohort decodes every frame and checks what it sees.

use crate::member::{MemberKind, MemberTally, SwarmMember, SwarmShared};
use crate::process::Usage;
use anyhow::Result;
use fracas_arena::brain::ArenaBrain;
use fracas_arena::rules::Arena;
use fracas_bots::link::Target;
use fracas_bots::swarm::process_cpu;
use fracas_protocol::game::brain::Brain;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::message::Aspect;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Events taken from the system at once.
const EVENTS_MAX: usize = 64;
/// Inputs sent between two looks.
const SENDS_MAX: u64 = 64;
/// How long it sleeps when nothing has come: times are measured to within this.
const NAP: Duration = Duration::from_micros(500);
/// Of those who were sent away some come back after each pause, until all are in, or for so long.
const PAUSE: Duration = Duration::from_millis(200);
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(20);
/// Frame lengths that are recorded.
const TRACE_MAX: usize = 200_000;
/// Most of its core that the swarm may use before its measures are its own.
const BUSY_MAX: f64 = 0.9;

/// What a swarm is to do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SwarmOptions {
    /// The server.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// The server's process, whose CPU time is taken.
    #[arg(long)]
    pub(crate) pid: u32,
    /// How many come.
    #[arg(long)]
    pub(crate) players: usize,
    /// What all but the cohort do.
    #[arg(long, value_enum, default_value = "light")]
    pub(crate) kind: MemberKind,
    /// How many look closely.
    #[arg(long, default_value_t = 0)]
    pub(crate) cohort: usize,
    /// What decides for those.
    #[arg(long, value_parser = parse_brain, default_value = "wander")]
    pub(crate) brain: usize,
    /// Their windows are square and nobody fires: who gathers in the middle stays there, and has everybody in sight.
    #[arg(long)]
    pub(crate) one_screen: bool,
    /// How many watch, beside the players.
    #[arg(long, default_value_t = 0)]
    pub(crate) spectators: usize,
    /// One in so many stops reading when the measured time begins.
    #[arg(long)]
    pub(crate) stall_one_in: Option<usize>,
    /// Ticks in a second.
    #[arg(long, default_value_t = 20)]
    pub(crate) tick_hz: u8,
    /// How many come in a second.
    #[arg(long, default_value_t = 1000)]
    pub(crate) ramp: u32,
    /// Seconds between the last one's coming and the measured time.
    #[arg(long, default_value_t = 4.0)]
    pub(crate) settle: f64,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 8.0)]
    pub(crate) seconds: f64,
    /// Where the frames' lengths are recorded.
    #[arg(long)]
    pub(crate) trace: Option<PathBuf>,
    /// The cohort also says what its views would cost in other formats.
    #[arg(long)]
    pub(crate) formats: bool,
}

/// What a swarm measured. Times in milliseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) players: usize,
    pub(crate) joined: usize,
    pub(crate) closed: usize,
    pub(crate) seconds: f64,
    pub(crate) updates: u64,
    /// Updates at most half a period late, of all that were due to those who read.
    pub(crate) on_time: f64,
    pub(crate) late_p50: f64,
    pub(crate) late_p99: f64,
    pub(crate) input_to_update_p50: f64,
    pub(crate) input_to_update_p99: f64,
    pub(crate) bytes_per_update: f64,
    /// Entities known to the cohort, mean.
    pub(crate) visible: f64,
    /// Ships known to the one of the cohort that knows fewest, at the end.
    pub(crate) ships_seen_min: usize,
    pub(crate) view_checks: u64,
    pub(crate) view_mismatches: u64,
    pub(crate) desyncs: u64,
    /// The server's CPU time, in microseconds per update that came.
    pub(crate) cpu_us_per_update: f64,
    /// The server's CPU time, in cores.
    pub(crate) cores: f64,
    pub(crate) switches_per_tick: f64,
    pub(crate) threads: u64,
    pub(crate) resident_kib: u64,
    /// The swarm's own part of its core, 0 to 1.
    pub(crate) swarm_busy: f64,
    /// Whether the swarm and not the server was the limit.
    pub(crate) swarm_limits: bool,
    /// Bytes per update by format, if asked for.
    pub(crate) formats: Vec<(String, f64)>,
}

struct Swarm {
    options: SwarmOptions,
    shared: SwarmShared,
    start: Instant,
    epoll: rustix::fd::OwnedFd,
    members: Vec<SwarmMember>,
    /// Inputs sent so far, of all members together: the next is member `sent % members`'s.
    sent: u64,
    sending_since_us: Option<u64>,
    buffer: Vec<u8>,
}

/// Runs a swarm to its end.
pub(crate) fn run(options: SwarmOptions) -> Result<Measured> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let rate = TickRate::try_from(options.tick_hz).map_err(anyhow::Error::msg)?;
    let rules = match options.kind {
        MemberKind::Plain => None,
        _ => Some(fetch_rules(options.address, rate)?),
    };
    let aspect = if options.one_screen { Aspect::Square } else { Aspect::default() };
    let shared =
        SwarmShared { rules, rate, brain: options.brain, aspect, fires: !options.one_screen, formats: options.formats };
    let mut swarm = Swarm {
        shared,
        start: Instant::now(),
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        members: Vec::new(),
        sent: 0,
        sending_since_us: None,
        buffer: vec![0; 256 * 1024],
        options,
    };
    swarm.assemble()?;
    swarm.run_for(Duration::from_secs_f64(swarm.options.settle), &mut MemberTally::default())?;
    swarm.measure()
}

fn parse_brain(name: &str) -> Result<usize, String> {
    let kind = ArenaBrain::KINDS.iter().position(|kind| kind.name == name);
    kind.ok_or_else(|| format!("no brain is called {name}"))
}

fn fetch_rules(address: SocketAddr, rate: TickRate) -> Result<Ruleset<Arena>> {
    let target = Target::parse(&format!("ws://{address}/ws"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(target.fetch_rules::<Arena>())?.at_rate(rate)?)
}

impl Swarm {
    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Brings everybody in along the ramp, while those who are there already play.
    fn assemble(&mut self) -> Result<()> {
        let all = self.options.players + self.options.spectators;
        while self.members.len() < all {
            let due = (self.start.elapsed().as_secs_f64() * f64::from(self.options.ramp)) as usize;
            // Few at a time, so that those who play are not kept waiting.
            for index in self.members.len()..due.min(all).min(self.members.len() + 8) {
                let member = self.connect(index)?;
                self.members.push(member);
            }
            self.round(&mut MemberTally::default())?;
        }
        self.bring_back()?;
        // The turns are counted anew: there are more members now than when it began.
        (self.sending_since_us, self.sent) = (Some(self.now_us()), 0);
        Ok(())
    }

    fn connect(&self, index: usize) -> Result<SwarmMember> {
        let kind = match index {
            _ if index >= self.options.players => MemberKind::Spectator,
            _ if index < self.options.cohort => MemberKind::Full,
            _ => self.options.kind,
        };
        let member = SwarmMember::connect(self.options.address, kind, index, &self.shared)?;
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, member.stream(), data, epoll::EventFlags::IN)?;
        Ok(member)
    }

    /// A server that lets a rush in as fast as it can carry it sends some away for now: they come back.
    fn bring_back(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut next = 0;
        while self.members.iter().any(SwarmMember::is_closed) && Instant::now() < until {
            self.run_for(PAUSE, &mut MemberTally::default())?;
            // In turn, and few at a time: who asks over and over is what the server has to do then.
            let closed = (next..self.members.len()).chain(0..next).filter(|index| self.members[*index].is_closed());
            for index in closed.take(AT_ONCE).collect::<Vec<_>>() {
                self.members[index] = self.connect(index)?;
                next = index + 1;
                self.round(&mut MemberTally::default())?;
            }
        }
        self.run_for(PAUSE, &mut MemberTally::default())
    }

    fn run_for(&mut self, time: Duration, tally: &mut MemberTally) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.round(tally)?;
        }
        Ok(())
    }

    fn measure(&mut self) -> Result<Measured> {
        let rate = self.shared.rate;
        if let Some(one_in) = self.options.stall_one_in {
            for member in self.members.iter_mut().skip(one_in / 2).step_by(one_in) {
                epoll::delete(&self.epoll, member.stream())?;
                member.stall();
            }
        }
        let before = (Usage::of(self.options.pid)?, process_cpu(), Instant::now());
        let mut tally = MemberTally::measuring(rate, if self.options.trace.is_some() { TRACE_MAX } else { 0 });
        self.run_for(Duration::from_secs_f64(self.options.seconds), &mut tally)?;
        let seconds = before.2.elapsed().as_secs_f64();
        let (usage, busy) = (Usage::of(self.options.pid)?.since(before.0), process_cpu() - before.1);
        if let Some(file) = &self.options.trace {
            std::fs::write(file, tally.lengths.iter().flat_map(|len| len.to_le_bytes()).collect::<Vec<_>>())?;
        }
        let joined = self.members.iter().filter(|member| member.has_joined()).count();
        let readers = self.members.iter().filter(|member| member.has_joined() && !member.is_stalled()).count();
        let due = readers as f64 * seconds * f64::from(rate.hz());
        let swarm_busy = busy.as_secs_f64() / seconds;
        let mut measured = Measured {
            players: self.options.players,
            joined,
            closed: self.members.iter().filter(|member| member.is_closed()).count(),
            seconds,
            updates: tally.updates,
            on_time: tally.arrivals.within(rate.period_us() / 2) as f64 / due,
            late_p50: tally.arrivals.percentile_ms(50.0),
            late_p99: tally.arrivals.percentile_ms(99.0),
            input_to_update_p50: tally.input_to_update.percentile_ms(50.0),
            input_to_update_p99: tally.input_to_update.percentile_ms(99.0),
            bytes_per_update: tally.bytes as f64 / tally.updates as f64,
            visible: tally.visible as f64 / tally.visible_bodies.max(1) as f64,
            cpu_us_per_update: usage.cpu_ns as f64 / 1e3 / tally.updates as f64,
            cores: usage.cpu_ns as f64 / 1e9 / seconds,
            switches_per_tick: usage.voluntary_switches as f64 / (seconds * f64::from(rate.hz())),
            threads: usage.threads,
            resident_kib: usage.resident_kib,
            swarm_busy,
            swarm_limits: swarm_busy > BUSY_MAX,
            formats: tally.formats.bytes_per_view(),
            ..Measured::default()
        };
        self.count_checks(&mut measured);
        Ok(measured)
    }

    fn count_checks(&self, measured: &mut Measured) {
        let mut fewest = None;
        for client in self.members.iter().filter_map(SwarmMember::client) {
            let (counters, ships) = (client.counters(), crate::member::ships_seen(client));
            measured.view_checks += counters.view_checks;
            measured.view_mismatches += counters.view_mismatches;
            measured.desyncs += counters.desyncs;
            fewest = Some(fewest.map_or(ships, |fewest: usize| fewest.min(ships)));
        }
        measured.ships_seen_min = fewest.unwrap_or(0);
    }

    /// Sends what is due, and reads what has come, for about a millisecond.
    fn round(&mut self, tally: &mut MemberTally) -> Result<()> {
        let now_us = self.now_us();
        for member in self.members.iter_mut().take(self.options.cohort) {
            member.advance(now_us);
        }
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        // Asks and does not wait: a swarm that sleeps in the kernel's queue has the server wake it with every frame, which
        // costs the server more than the frame.
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&now))?;
        // What has come is looked at first, or it would seem later than it was.
        if events.len() < EVENTS_MAX {
            self.send_due(now_us);
        }
        if events.is_empty() {
            std::thread::sleep(NAP);
        }
        for event in events {
            let now_us = self.now_us();
            let index = event.data.u64() as usize;
            let member = &mut self.members[index];
            member.read(now_us, &mut self.buffer, &self.shared, tally);
            if member.is_closed() {
                epoll::delete(&self.epoll, member.stream())?;
            }
        }
        Ok(())
    }

    /// Everybody sends once per tick, one after the other all through it, as people would.
    fn send_due(&mut self, now_us: u64) {
        let members = self.members.len() as u64;
        let since_us = *self.sending_since_us.get_or_insert(now_us);
        if members == 0 {
            return;
        }
        let due = (now_us - since_us) * u64::from(self.shared.rate.hz()) * members / 1_000_000;
        // After a stall or while more are coming: once each is enough.
        self.sent = self.sent.max(due.saturating_sub(members));
        let until = due.min(self.sent + SENDS_MAX);
        while self.sent < until {
            let member = &mut self.members[(self.sent % members) as usize];
            member.play(&self.shared);
            self.sent += 1;
        }
    }
}
