//! Every metric: its name, unit and help. Labels have small fixed sets; a player, room or address is never one.

use metrics::Unit;

/// What kind of metric a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A counter, which only grows.
    Counter,
    /// A gauge: a present value.
    Gauge,
    /// A histogram: a distribution.
    Histogram,
}

/// A metric's description.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its unit.
    pub unit: Unit,
    /// One line for operators.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $unit:ident, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*
        /// Every metric of the server; `process_*` come beside them.
        pub const ALL: &[Metric] =
            &[$(Metric { name: $name, kind: MetricKind::$kind, unit: Unit::$unit, help: $help }),*];
    };
}

metrics! {
    TICK_DURATION = "fracas_tick_duration_seconds", Histogram, Seconds, "Work of one tick of all rooms on the tick thread.";
    TICK_PHASE_DURATION = "fracas_tick_phase_duration_seconds", Histogram, Seconds, "Work of one tick by phase.";
    LOOP_PHASE_DURATION = "fracas_loop_phase_duration_seconds", Histogram, Seconds, "An event loop's reading or writing of all its sockets for one tick.";
    TICK_LATENESS = "fracas_tick_lateness_seconds", Histogram, Seconds, "How long after it was due a tick began; one that was never run is late until the next one begins.";
    TICK_OVERRUNS = "fracas_tick_overruns_total", Counter, Count, "Ticks whose work took longer than their period.";
    TICKS_SKIPPED = "fracas_ticks_skipped_total", Counter, Count, "Ticks never run because too much time was lost.";
    TICKS_MISSED = "fracas_ticks_missed_total", Counter, Count, "Ticks that an event loop was too late to take.";
    OVERLOAD_LEVEL = "fracas_overload_level", Gauge, Count, "The current overload level: 0 normal, 1 joins are refused, 2 two ticks go in a frame as well, 3 four.";
    JOINS = "fracas_joins_total", Counter, Count, "Sessions that began, of players, spectators and the server's own bots.";
    JOINS_REFUSED = "fracas_joins_refused_total", Counter, Count, "Players and spectators who said hello and were not let in, by reason.";
    JOINS_IN_DEBT = "fracas_joins_in_debt_total", Counter, Count, "New sessions that began with the debt of one that had left a fight.";
    PLAYERS = "fracas_players", Gauge, Count, "Players in all rooms, those kept for a lost connection included, by kind.";
    SPECTATORS = "fracas_spectators", Gauge, Count, "Spectators in all rooms.";
    SPECTATOR_DELAY_BYTES = "fracas_spectator_delay_bytes", Gauge, Bytes, "Memory of what happened in the rooms and spectators are not shown yet.";
    ROOMS = "fracas_rooms", Gauge, Count, "Rooms that are open.";
    ROOM_PANICS = "fracas_room_panics_total", Counter, Count, "Rooms that a panic in the game ended.";
    ENTITIES = "fracas_entities", Gauge, Count, "Entities in all rooms by kind.";
    CONNECTIONS = "fracas_connections", Gauge, Count, "Connections on the event loops.";
    CONNECTIONS_OPENED = "fracas_connections_opened_total", Counter, Count, "Connections that came to an event loop.";
    CONNECTIONS_CLOSED = "fracas_connections_closed_total", Counter, Count, "Connections that ended, by reason.";
    CONNECTIONS_REJECTED = "fracas_connections_rejected_total", Counter, Count, "Handshakes that were refused, by reason.";
    NETWORKS_LIMITED = "fracas_networks_limited", Gauge, Count, "Networks that are remembered for what they have used up of their limits of joins, handshakes or tokens.";
    TURNS_WAITING = "fracas_turns_waiting", Gauge, Count, "Turns to come back that were handed out and are still to come.";
    HTTP_CONNECTIONS_SHED = "fracas_http_connections_shed_total", Counter, Count, "HTTP connections that had completed nothing for longest, closed for a newcomer, by what had run out.";
    ACCEPT_ERRORS = "fracas_accept_errors_total", Counter, Count, "Times that the kernel gave no connection although somebody knocked.";
    SESSIONS_RESUMED = "fracas_sessions_resumed_total", Counter, Count, "Sessions taken back with a token.";
    RECEIVED_BYTES = "fracas_network_received_bytes_total", Counter, Bytes, "Bytes read from game connections.";
    SENT_BYTES = "fracas_network_sent_bytes_total", Counter, Bytes, "Bytes written to game connections.";
    UPDATES_SENT = "fracas_updates_sent_total", Counter, Count, "Tick bodies whose last byte the kernel took.";
    ENCODED_BYTES = "fracas_encoded_bytes_total", Counter, Bytes, "Bytes of deltas and entries encoded.";
    MESSAGES_DROPPED = "fracas_messages_dropped_total", Counter, Count, "Messages and WebSocket pings beyond what a peer may send.";
    INPUTS_RECEIVED = "fracas_inputs_received_total", Counter, Count, "Inputs taken for their tick.";
    INPUTS_DROPPED = "fracas_inputs_dropped_total", Counter, Count, "Inputs not taken, by reason.";
    INPUT_LEAD = "fracas_input_lead_ticks", Histogram, Count, "How many ticks before its own the newest input was read.";
    STALE_PLAYERS = "fracas_stale_players", Gauge, Count, "Players to whom nothing is sent until they catch up.";
    HIDDEN_PLAYERS = "fracas_hidden_players", Gauge, Count, "Players whose tabs are hidden, to whom nothing is sent.";
    RESYNCS = "fracas_resyncs_total", Counter, Count, "Fresh starts of players who had been in the game, counted when the first frame goes.";
    DESYNCS_REPORTED = "fracas_desyncs_reported_total", Counter, Count, "Fresh starts that were done because the client asked for one.";
    FRESH_STARTS_REQUESTED = "fracas_fresh_starts_requested_total", Counter, Count, "Requests for a fresh start, done or not; at most one a second and player is done.";
    MEMORY_LIMIT = "fracas_memory_limit_bytes", Gauge, Bytes, "Memory that may be used, by the tightest limit that holds for the process.";
    MEMORY_USED = "fracas_memory_used_bytes", Gauge, Bytes, "Memory that counts against that limit, without files that the kernel can drop.";
    LOG_DROPPED = "fracas_log_dropped_total", Counter, Count, "Log lines that were not written, because nobody read them or the disk was full.";
    BUILD_INFO = "fracas_build_info", Gauge, Count, "Always 1; the labels tell version and commit.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            let is_total = metric.name.ends_with("_total");
            assert!(metric.name.starts_with("fracas_"), "{}", metric.name);
            assert_eq!(is_total, metric.kind == MetricKind::Counter, "{}", metric.name);
            if metric.unit == Unit::Seconds {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
            }
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
