//! Bots at servers that lie about the time, never let them in, never let them go, or never read.

use super::*;
use crate::link::tests::PipeServer;
use crate::sample::{message, welcome};
use fracas_protocol::game::toy::{Runner, Step, Yard};
use fracas_protocol::wire::bits::{BitWriter, Coder};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{self, FrameHeader};
use fracas_protocol::wire::limits::VISIBLE_MAX;
use fracas_protocol::wire::message::{ClientMessage, Goodbye, Pong, ServerClock, ServerMessage};

/// A frame that starts afresh and knows nothing.
fn fresh_frame(tick: u32) -> Vec<u8> {
    let mut bits = BitWriter::new();
    FrameHeader { bodies: 1, fresh: true, first: Some(Tick(tick)) }.code(&mut bits).expect("a header");
    bits.flag(false).expect("nothing private");
    frame::code_leaves(&mut Vec::new(), 0, &mut bits).expect("no leaves");
    bits.count(0, VISIBLE_MAX as u32).expect("no entries");
    frame::code_hash(&mut None, &mut bits).expect("no hash");
    bits.finish()
}

/// Lets a bot play, for a minute at the most, at a server that does what it likes. Returns what became of the bot, and how long
/// it took.
async fn play_at<F: Future<Output = ()> + 'static>(
    attention: Attention,
    minute: Duration,
    server: impl FnOnce(PipeServer) -> F,
) -> (BotOutcome, Duration) {
    let (link, there) = PipeServer::with_link(16 * 1024).await;
    let server = server(there);
    let target = Target::parse("ws://127.0.0.1:1/ws").expect("an address");
    let setup = Setup { attention, ..Setup::new(target, Hello::player("bot"), 0, 1) };
    let (stop, mut stopped) = watch::channel(false);
    let (clock, began) = (Clock::start(), Instant::now());
    let (bot, mut nobody) = (Bot::<Yard, Runner>::new(&setup, Yard::ruleset(TickRate::HZ_30)), ());
    let playing = play_over(link, bot, &setup, clock, &mut nobody, &mut stopped);
    let local = tokio::task::LocalSet::new();
    local.spawn_local(server);
    local.spawn_local(async move {
        tokio::time::sleep(minute).await;
        let _ = stop.send(true);
        // Kept, so that the bot is not told to stop by its end.
        std::future::pending::<()>().await;
    });
    let outcome = local.run_until(playing).await;
    (outcome, began.elapsed())
}

const MINUTE: Duration = Duration::from_secs(60);

/// Answers pings with a tick, and counts everything that comes.
async fn lie_about_the_time(mut server: PipeServer, first: u32, later: u32, count: std::rc::Rc<std::cell::Cell<u32>>) {
    server.hear().await.expect("a hello");
    assert!(server.say(welcome(first)).await && server.say(fresh_frame(first.saturating_add(1))).await);
    while let Some(said) = server.hear().await {
        count.set(count.get() + 1);
        let Ok(ClientMessage::Ping(ping)) = codec::decode::<ClientMessage<Step>, 1024>(&said) else {
            continue;
        };
        let clock = ServerClock { tick: Tick(later), hold_us: 0, phase_us: u32::MAX };
        let pong = message(&ServerMessage::Pong(Pong { stamp: ping.stamp, clock, work_us: u32::MAX }));
        if !server.say(pong).await {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_jumps_to_the_end_of_time_gets_no_more_than_an_input_a_tick() {
    for attention in [Attention::Verifies, Attention::Glances] {
        for (first, later) in [(5, u32::MAX), (u32::MAX, u32::MAX), (u32::MAX - 1, 0), (0, 0), (5, u32::MAX / 2)] {
            let count = std::rc::Rc::default();
            let counted = std::rc::Rc::clone(&count);
            let time = Duration::from_secs(10);
            let played =
                play_at(attention, time, move |server| lie_about_the_time(server, first, later, counted)).await;
            assert!(played.1 <= time + Duration::from_secs(3), "{first} {later}: {played:?}");
            // 30 inputs a second, and pings and acknowledgements.
            assert!(count.get() <= 10 * 60, "{first} {later}: {} messages in ten seconds", count.get());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_goodbye_for_ever_and_never_closes_is_left() {
    for attention in [Attention::Verifies, Attention::Glances] {
        let (outcome, took) = play_at(attention, MINUTE, |mut server| async move {
            let goodbye = Goodbye { code: 4001, retry_after_ms: u32::MAX };
            while server.say(message(&ServerMessage::Goodbye(goodbye))).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        assert!(matches!(outcome.ending, Ending::Closed(Some(4001))), "{:?}", outcome.ending);
        assert!(took <= Duration::from_secs(10), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_only_pings_and_never_lets_in_is_left() {
    let (outcome, took) = play_at(Attention::Verifies, MINUTE, |mut server| async move {
        while server.ping().await {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    })
    .await;
    assert!(!outcome.joined && matches!(outcome.ending, Ending::Closed(None)), "{:?}", outcome.ending);
    assert!(took <= Duration::from_secs(35), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_in_and_never_sends_a_frame_is_left() {
    let (outcome, took) = play_at(Attention::Verifies, MINUTE, |mut server| async move {
        assert!(server.say(welcome(5)).await);
        while server.hear().await.is_some() && server.ping().await {}
    })
    .await;
    assert!(outcome.joined && matches!(outcome.ending, Ending::Closed(None)), "{:?}", outcome.ending);
    assert!(took <= Duration::from_secs(35), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_is_told_to_stop_leaves_a_server_that_never_reads() {
    let (_, took) = play_at(Attention::Verifies, Duration::from_secs(3), |mut server| async move {
        assert!(server.say(welcome(5)).await && server.say(fresh_frame(6)).await);
        // It goes on talking, and takes nothing.
        while server.ping().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert!(took <= Duration::from_secs(3 + 3), "{took:?}");
}
