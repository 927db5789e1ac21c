//! Overload judged over servers that are made up: loads that come and go, and crowds that want in.

use super::*;
use fracas_protocol::dice::Dice;

const RATES: [TickRate; 3] = [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60];

/// A server that takes so long: for each player, and for what else runs beside it.
struct Server {
    overload: Overload,
    rate: TickRate,
    dice: Dice,
    players: u32,
    /// Load of each player, in millionths of the brink, while nothing is given up.
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

impl Server {
    fn new(rate: TickRate, seed: u64) -> Self {
        println!("seed {seed}, {} Hz", rate.hz());
        let (overload, dice) = (Overload::new(rate), Dice::new(seed, 1));
        Self { overload, rate, dice, players: 0, cost: 1000, beside: 0, noise: 10, levels: Vec::new(), late: 0 }
    }

    /// One tick, on which so many want to join.
    fn tick(&mut self, wish: u32) {
        let joined = wish.min(self.overload.joins_left());
        self.players += joined;
        let saved = match self.overload.level() {
            Level::Normal | Level::JoinsWait => 100,
            Level::CoarseAim => 95,
            Level::PackedByTwo => 55,
            Level::PackedByFour => 35,
        };
        let noise = 100 - self.noise + self.dice.below(2 * self.noise + 1);
        let load = (self.beside + self.players * self.cost / 1000) * saved / 100 * noise / 100;
        self.late += load.saturating_sub(1000) * 1000 / load.max(1);
        // Of the half period until updates are late; reading takes as long as writing.
        let time = Duration::from_micros(self.rate.period_us()) * load / 2000;
        let round = Round { reading: time, sent_after: time };
        let strain = Strain { round, ..Strain::default() };
        self.overload.take(&strain, self.players as usize, joined);
        self.levels.push(self.overload.level());
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
            server.overload.take(&strain, 100, 0);
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
fn what_was_left_too_early_before_is_left_at_once_when_the_trouble_is_over() {
    for rate in RATES {
        let mut server = Server::new(rate, 6);
        server.players = 100;
        // Just bearable while all is packed, and not otherwise.
        (server.beside, server.noise) = (1200, 60);
        server.run(20, 0);
        assert!(server.changes() > 6, "{} changes: it never relapsed", server.changes());
        (server.beside, server.noise) = (0, 10);
        server.run(1, 0);
        assert_eq!(server.overload.level(), Level::Normal);
    }
}

#[test]
fn a_crowd_of_half_as_many_again_as_it_can_carry_is_let_in_as_far_as_all_are_on_time() {
    for rate in RATES {
        let mut server = Server::new(rate, 3);
        // 1,000 are the brink; 1,500 come and come again.
        server.run(1, 0);
        for _ in 0..60 * rate.hz() {
            let wish = (1500 - server.players).min(50);
            server.tick(wish);
        }
        assert!((600..=980).contains(&server.players), "{} of 1,000 were let in", server.players);
        let ticks = server.levels.len() as u32;
        assert!(server.late <= ticks * 20, "{} thousandths were late in {ticks} ticks", server.late);
        assert!(server.changes() <= 8, "{} changes in a minute", server.changes());
        assert!(server.levels.iter().all(|level| *level <= Level::CoarseAim));
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
        overload.take(&Strain { backlog: 3, ..Strain::default() }, 100, 0);
    }
    assert!(overload.level() >= Level::CoarseAim);
}
