//! The numbers of every page: what was counted, how the line and the server do, and whose fault it was that something came
//! late.

use crate::place::Place;
use crate::rows::{NET, RowSet, STATE};
use crate::screen::{Screen, us};
use fracas_protocol::client::Client;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::ViewTime;

/// Adds the numbers of this moment. `view` is the moment that the screen shows of others.
pub(crate) fn add<R: Rules, S: Screen<R>>(
    client: &Client<R>,
    now_ms: f64,
    view: Option<ViewTime>,
    camera: Option<Place>,
    rows: &mut RowSet,
) {
    add_state::<R, S>(client, camera.unwrap_or_default(), rows);
    let ms = |us: i64| us as f32 / 1000.0;
    let counters = client.counters();
    let period_us = client.rate().period_us() as i64;
    let view_us = view.map(|view| view.in_sixteenths() * period_us / ViewTime::PARTS);
    let server_us = client.clock().server_us(us(now_ms));
    let age_us = server_us.zip(view_us).map_or(-1, |(server, view)| server - view);
    let (moments, starved) = client.timeline().starved();
    let unexplained = counters.corrections - counters.corrections_late - counters.corrections_pushed;
    let net = [
        client.clock().rtt_us().map_or(-1.0, |us| ms(us as i64)),
        ms(client.arrival().late_us(95)),
        ms(age_us),
        ms(client.input_clock().slack_us()),
        f32::from(client.replica().report().lead),
        ms(i64::from(client.work_us())),
        ms(period_us),
        counters.corrections_late as f32,
        counters.corrections_pushed as f32,
        unexplained as f32,
        counters.stalls_of_server as f32,
        counters.stalls_of_network as f32,
        if moments == 0 { 0.0 } else { starved as f32 / moments as f32 },
    ];
    rows.push(&NET, net);
}

fn add_state<R: Rules, S: Screen<R>>(client: &Client<R>, camera: Place, rows: &mut RowSet) {
    let counters = client.counters();
    let [ground_width, ground_height] = S::ground(client.replica().rules());
    let state = [
        camera.x as f32,
        camera.y as f32,
        ground_width,
        ground_height,
        client.own_id().map_or(-1.0, |id| f32::from(id.0)),
        client.replica().tick().0 as f32,
        client.rate().hz() as f32,
        client.aspect() as u8 as f32,
        client.replica().known().len() as f32,
        counters.bodies as f32,
        counters.inputs_sent as f32,
        counters.corrections as f32,
        counters.view_mismatches as f32,
        counters.desyncs as f32,
        counters.resyncs as f32,
    ];
    rows.push(&STATE, state);
}
