//! Overload judged over servers that are made up: loads that come and go, and crowds that want in.

use super::*;
use crate::sim::clock::LATE_STEPS_MAX;
use fracas_protocol::rng::Rng;

const RATES: [TickRate; 3] = [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60];

/// A server that takes so long: for each player, and for what else runs beside it.
struct Server {
    overload: Overload,
    rate: TickRate,
    rng: Rng,
    players: u32,
    /// Load of each player, in millionths of full load, at the normal level.
    cost: u32,
    /// Load that players have no part in, in thousandths.
    beside: u32,
    /// Loads may differ by so many hundredths from tick to tick.
    noise: u32,
    /// The level after each tick.
    levels: Vec<Level>,
    /// Updates that were late, in thousandths of a tick's.
    late: u32,
}

fn people(people: u32) -> Headcount {
    Headcount { people: people as u16, ..Headcount::default() }
}

impl Server {
    fn new(rate: TickRate, seed: u64) -> Self {
        println!("seed {seed}, {} Hz", rate.hz());
        let (overload, rng) = (Overload::new(rate), Rng::new(seed, 1));
        Self { overload, rate, rng, players: 0, cost: 1000, beside: 0, noise: 10, levels: Vec::new(), late: 0 }
    }

    /// One tick, on which so many want to join.
    fn tick(&mut self, wish: u32) {
        let joined = wish.min(self.overload.joins_left());
        self.players += joined;
        let saved = match self.overload.level() {
            Level::Normal | Level::JoinsWait => 100,
            Level::PackedByTwo => 55,
            Level::PackedByFour => 35,
        };
        let noise = 100 - self.noise + self.rng.below(2 * self.noise + 1);
        let load = (self.beside + self.players * self.cost / 1000) * saved / 100 * noise / 100;
        self.late += load.saturating_sub(1000) * 1000 / load.max(1);
        // Of the half period until updates are late; reading takes as long as writing.
        let time = Duration::from_micros(self.rate.period_us()) * load / 2000;
        let round = Round { reading: time, sent_after: time };
        let strain = Strain { round, ..Strain::default() };
        self.overload.record(&strain, people(self.players), joined);
        self.levels.push(self.overload.level());
    }

    /// The machine lets nothing run for so long; then as many ticks are made up for as the tick thread would.
    fn stall(&mut self, stall: Duration) {
        let period = Duration::from_micros(self.rate.period_us());
        let late = (stall.as_micros() / period.as_micros()) as u32;
        let (skipped, made_up_for) = if late > LATE_STEPS_MAX { (late, 0) } else { (0, late) };
        for step in (0..=made_up_for).rev() {
            let lateness = (stall - period * late.min(skipped)).min(stall) - period * (made_up_for - step);
            let round = Round { reading: Duration::ZERO, sent_after: lateness + period / 10 };
            let skipped = if step == made_up_for { skipped } else { 0 };
            let strain = Strain { published_after: lateness, round, backlog: 0, skipped };
            self.overload.record(&strain, people(self.players), 0);
            self.levels.push(self.overload.level());
        }
    }

    /// Runs for so long on a busy host, which stalls it for up to half a second about every third second.
    fn run_on_a_busy_host(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.run(1, 0);
            if self.rng.below(3) == 0 {
                let ms = 20 + self.rng.below(480);
                self.stall(Duration::from_millis(u64::from(ms)));
            }
        }
    }

    fn run(&mut self, seconds: u32, wish: u32) {
        (0..seconds * self.rate.hz()).for_each(|_| self.tick(wish));
    }

    fn changes(&self) -> usize {
        self.levels.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

#[test]
fn a_single_late_tick_changes_nothing() {
    for rate in RATES {
        let mut server = Server::new(rate, 1);
        for _ in 0..20 {
            server.run(1, 0);
            let strain = Strain { published_after: Duration::from_millis(200), ..Strain::default() };
            server.overload.record(&strain, people(100), 0);
            assert_eq!(server.overload.level(), Level::Normal);
        }
    }
}

#[test]
fn a_forced_overload_takes_everything_up_in_order_and_is_over_a_second_after_it_ends() {
    for rate in RATES {
        let mut server = Server::new(rate, 2);
        server.players = 300;
        server.run(5, 0);
        assert_eq!(server.overload.level(), Level::Normal);
        server.beside = 9000;
        server.run(5, 0);
        let mut reached = server.levels.clone();
        reached.dedup();
        assert_eq!(reached, Level::ALL, "one after the other");
        server.beside = 0;
        server.run(1, 0);
        assert_eq!(server.overload.level(), Level::Normal, "{:?}", &server.levels[server.levels.len() - 30..]);
    }
}

#[test]
fn a_level_that_was_left_too_early_is_kept_for_up_to_half_a_minute_and_no_longer() {
    for rate in RATES {
        let mut server = Server::new(rate, 6);
        server.players = 100;
        // Just bearable while all is packed, and not otherwise.
        (server.beside, server.noise) = (1200, 60);
        server.run(120, 0);
        let changes = server.changes();
        assert!((7..=60).contains(&changes), "{changes} changes in two minutes");
        (server.beside, server.noise) = (0, 10);
        server.run(4 * HOLD_MAX_S + 4, 0);
        assert_eq!(server.overload.level(), Level::Normal);
        let highest = server.levels.iter().max().copied().unwrap_or_default();
        assert!(server.changes() - changes <= highest as usize, "it goes down and nowhere else");
    }
}

#[test]
fn a_host_that_stalls_now_and_then_does_not_make_the_level_flap() {
    for rate in RATES {
        for seed in 10..13 {
            let mut server = Server::new(rate, seed);
            server.players = 100;
            server.run_on_a_busy_host(600);
            assert!(server.changes() <= 12, "{} changes in ten minutes", server.changes());
        }
    }
}

#[test]
fn nothing_is_given_up_while_only_built_in_bots_are_there() {
    let mut server = Server::new(TickRate::HZ_30, 7);
    server.run_on_a_busy_host(600);
    (server.beside, server.noise) = (3000, 60);
    server.run(10, 0);
    assert_eq!(server.changes(), 0, "nobody is there who would be late");
    server.players = 100;
    server.run(5, 0);
    assert!(server.overload.level() > Level::Normal);
    server.players = 0;
    server.run(1, 0);
    assert_eq!(server.overload.level(), Level::Normal, "the last one has left");
}

#[test]
fn ticks_that_the_machine_never_let_run_are_load_like_others() {
    for rate in RATES {
        let mut server = Server::new(rate, 8);
        server.players = 100;
        server.run(2, 0);
        for _ in 0..10 {
            server.stall(Duration::from_millis(500));
        }
        assert_eq!(server.overload.level(), Level::PackedByFour, "two ticks a second were run");
        let mut reached = server.levels.clone();
        reached.dedup();
        assert_eq!(reached, Level::ALL, "it never falls in between");
        server.run(1, 0);
        assert_eq!(server.overload.level(), Level::Normal);
    }
}

#[test]
fn one_freeze_of_three_seconds_is_no_overload() {
    for rate in RATES {
        let mut server = Server::new(rate, 9);
        server.players = 100;
        server.run(2, 0);
        server.stall(Duration::from_secs(3));
        server.run(5, 0);
        assert_eq!(server.changes(), 0, "{:?}", &server.levels[2 * rate.hz() as usize..]);
    }
}

#[test]
fn a_crowd_of_half_as_many_again_as_it_can_carry_is_let_in_as_far_as_all_are_on_time() {
    for rate in RATES {
        let mut server = Server::new(rate, 3);
        // 1,000 are full load; 1,500 join and retry.
        server.run(1, 0);
        for _ in 0..60 * rate.hz() {
            let wish = (1500 - server.players).min(50);
            server.tick(wish);
        }
        assert!((600..=980).contains(&server.players), "{} of 1,000 were let in", server.players);
        let ticks = server.levels.len() as u32;
        assert!(server.late <= ticks * 20, "{} thousandths were late in {ticks} ticks", server.late);
        assert!(server.changes() <= 8, "{} changes in a minute", server.changes());
        assert!(server.levels.iter().all(|level| *level <= Level::JoinsWait));
    }
}

#[test]
fn a_load_that_packing_just_bears_makes_the_level_neither_rise_nor_fall_again_and_again() {
    for rate in RATES {
        for load in (700..2600).step_by(50) {
            let mut server = Server::new(rate, u64::from(load));
            (server.players, server.noise) = (load, 15);
            server.run(120, 0);
            assert!(server.changes() <= 16, "{} changes in two minutes at load {load}", server.changes());
        }
    }
}

#[test]
fn a_burst_comes_in_at_once_where_there_is_room() {
    let mut server = Server::new(TickRate::HZ_30, 4);
    server.cost = 100;
    server.run(1, 0);
    let mut waiting: u32 = 5000;
    for _ in 0..60 {
        let before = server.players;
        server.tick(waiting);
        waiting -= server.players - before;
    }
    assert_eq!((waiting, server.late), (0, 0), "5,000 in two seconds");
}

#[test]
fn a_small_room_is_open_however_late_its_machine_is() {
    let mut server = Server::new(TickRate::HZ_30, 5);
    server.beside = 5000;
    server.run(3, 1);
    assert_eq!(server.players, ALWAYS_LET_IN as u32);
    assert_eq!(server.overload.level(), Level::PackedByFour);
}

#[test]
fn a_loop_that_takes_nothing_is_seen_before_it_reports() {
    let mut overload = Overload::new(TickRate::HZ_30);
    for _ in 0..30 {
        overload.record(&Strain { backlog: 3, ..Strain::default() }, people(100), 0);
    }
    assert!(overload.level() >= Level::PackedByTwo);
}
