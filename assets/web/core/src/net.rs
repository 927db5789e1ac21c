//! The numbers of the net graph: how the line and the server do, and whose fault it was that something came late.

use fracas_arena::rules::Arena;
use fracas_protocol::client::Client;

/// Numbers of the net graph, in the order of the page's `netgraph.js`.
pub(crate) const NET_LEN: usize = 13;

/// The numbers of this moment. `view_us` is the moment that the screen shows, in the server's time.
pub(crate) fn numbers(client: &Client<Arena>, now_us: u64, view_us: Option<i64>) -> [f32; NET_LEN] {
    let ms = |us: i64| us as f32 / 1000.0;
    let counters = client.counters();
    let server_us = client.clock().server_us(now_us);
    let age_us = server_us.zip(view_us).map_or(-1, |(server, view)| server - view);
    let (moments, starved) = client.timeline().starved();
    let unexplained = counters.corrections - counters.corrections_late - counters.corrections_pushed;
    [
        client.clock().rtt_us().map_or(-1.0, |us| ms(us as i64)),
        ms(client.arrival().late_us(95)),
        ms(age_us),
        ms(client.input_clock().slack_us()),
        f32::from(client.replica().report().lead),
        ms(i64::from(client.work_us())),
        ms(client.rate().period_us() as i64),
        counters.corrections_late as f32,
        counters.corrections_pushed as f32,
        unexplained as f32,
        counters.stalls_of_server as f32,
        counters.stalls_of_network as f32,
        if moments == 0 { 0.0 } else { starved as f32 / moments as f32 },
    ]
}
