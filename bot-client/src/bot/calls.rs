//! What a bot asks its brain and when, told by a brain that notes it.

use super::*;
use crate::sample;
use fracas_protocol::client::Moment;
use fracas_protocol::game::brain::{BrainKind, Sight};
use fracas_protocol::game::toy::{Step, Thing, Yard};
use fracas_protocol::tick::ViewTime;
use fracas_protocol::wire::message::{Aspect, ServerMessage};

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Think(Tick),
    Aim(Tick, ViewTime),
    Played(Tick),
}

/// Notes what it is asked, and takes each piece of news for a verdict. Its second kind never looks at the screen.
#[derive(Debug)]
struct Scribe {
    wants_screen: bool,
    calls: Vec<Call>,
    verdicts: Vec<bool>,
}

impl Brain<Yard> for Scribe {
    const KINDS: &'static [BrainKind] = &[
        BrainKind { looks_at_screen: true, ..BrainKind::new("looks", "Looks at the screen") },
        BrainKind::new("knows", "Plays by what is known"),
    ];

    fn new(kind: usize, _skill: Skill, _seed: u64) -> Self {
        Self { wants_screen: kind == 0, calls: Vec::new(), verdicts: Vec::new() }
    }

    fn think(&mut self, sight: &Sight<'_, Yard>) -> Step {
        assert_eq!((sight.own_id, sight.rate), (sample::own_id(), TickRate::HZ_30));
        self.calls.push(Call::Think(sight.tick));
        Step::default()
    }

    fn wants_screen(&self) -> bool {
        self.wants_screen
    }

    fn aim(&mut self, sight: &Sight<'_, Yard>, screen: &Moment<'_, Yard>, input: Step) -> Step {
        assert!(screen.place(sight.own_id).is_some(), "the screen shows what was sent");
        self.calls.push(Call::Aim(sight.tick, screen.view));
        Step { throw: true, ..input }
    }

    fn played(&mut self, tick: Tick, _yard: &Yard, own: &Thing, _aspect: Aspect) {
        assert!(own.health > 0);
        self.calls.push(Call::Played(tick));
    }

    fn heard(&mut self, news: &String) {
        self.verdicts.extend([true, news == "yes"]);
    }

    fn take_verdict(&mut self) -> Option<bool> {
        self.verdicts.pop()
    }
}

/// Collects verdicts.
#[derive(Default)]
struct Jury(Vec<bool>);

impl Observer<Yard> for Jury {
    fn verdict(&mut self, _now_us: u64, agreed: bool) {
        self.0.push(agreed);
    }
}

/// Lets a bot of a kind play for a second. Returns it, and what its observer was told.
fn play_a_second(kind: usize, input_hz: Option<u32>) -> (Bot<Yard, Scribe>, Jury) {
    let target = Target::parse("ws://127.0.0.1:1/ws").expect("an address");
    let setup = Setup { input_hz, ..Setup::new(target, Hello::player("bot"), kind, 1) };
    let mut bot = Bot::<Yard, Scribe>::new(&setup, Yard::ruleset(TickRate::HZ_30));
    let (mut jury, mut next) = (Jury::default(), 1);
    bot.advance(0, &mut jury);
    bot.receive(0, &sample::welcome(0), &mut jury).expect("a welcome");
    for now_us in (0..1_000_000).step_by(1_000) {
        if now_us >= TickRate::HZ_30.due_us(Tick(next)) {
            let frame = if next == 1 { sample::first_frame(1) } else { sample::next_frame() };
            bot.receive(now_us, &frame, &mut jury).expect("a frame");
            next += 1;
        }
        bot.advance(now_us, &mut jury);
    }
    (bot, jury)
}

/// What was asked between one thought and the next, from the first tick on that was played.
fn rounds(bot: &Bot<Yard, Scribe>) -> Vec<&[Call]> {
    let rounds = bot.brain.calls.chunk_by(|_, next| !matches!(next, Call::Think(_)));
    let rounds: Vec<_> = rounds.skip_while(|round| !round.iter().any(|call| matches!(call, Call::Played(_)))).collect();
    assert!(rounds.len() > 20, "{rounds:?}");
    rounds
}

#[test]
fn a_brain_thinks_before_each_tick_looks_if_it_wants_and_is_told_what_was_played() {
    let (bot, _) = play_a_second(0, None);
    let mut next = None;
    for round in rounds(&bot) {
        let [Call::Think(thought), Call::Aim(aimed, view), ref played @ ..] = *round else {
            panic!("out of order: {round:?}");
        };
        assert!(thought == *next.get_or_insert(thought) && aimed == thought && view < ViewTime::from(thought));
        // Mostly one; two if the clock has just been put forward.
        for call in played {
            assert_eq!(Some(*call), next.map(Call::Played));
            next = next.map(Tick::next);
        }
        assert!(!played.is_empty());
    }
}

#[test]
fn a_brain_looks_at_the_screen_only_when_its_input_goes_out() {
    let (bot, _) = play_a_second(0, Some(10));
    for round in rounds(&bot) {
        let Call::Think(tick) = round[0] else { panic!("out of order: {round:?}") };
        let looks = round.iter().any(|call| matches!(call, Call::Aim(..)));
        // Ten inputs a second at 30 Hz.
        assert_eq!(looks, tick.0.is_multiple_of(3), "{round:?}");
    }
}

#[test]
fn a_brain_whose_kind_does_not_look_is_shown_no_screen_and_its_client_keeps_none() {
    let (bot, _) = play_a_second(1, None);
    assert!(bot.brain.calls.iter().all(|call| !matches!(call, Call::Aim(..))));
    let Mode::Full(client) = &bot.mode else { panic!("it looks at what it gets") };
    assert!(client.timeline().newest().is_none());
}

#[test]
fn every_verdict_of_a_brain_reaches_the_observer() {
    let (mut bot, mut jury) = play_a_second(0, None);
    for news in ["yes", "no"] {
        let news = sample::message(&ServerMessage::News(news.into()));
        bot.receive(1_000_000, &news, &mut jury).expect("news");
    }
    assert_eq!(jury.0, [true, true, false, true]);
}
