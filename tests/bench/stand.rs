//! The stand: a server pinned to one core, the swarm to another, one run at a time.

use crate::models::Model;
use crate::process::{ServerProcess, output_of, pinned};
use crate::swarm::Measured;
use anyhow::{Context as _, Result};
use fracas_tests::program::sibling;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The tick rate of all runs.
pub(crate) const TICK_HZ: u32 = 20;

/// Where things run, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Stand {
    pub(crate) server_core: usize,
    pub(crate) swarm_core: usize,
    pub(crate) seconds: f64,
    pub(crate) settle: f64,
    /// Ships to a view.
    pub(crate) density: u32,
    /// For traces and maps; deleted at the end.
    pub(crate) folder: PathBuf,
}

impl Stand {
    /// A Fracas server for so many players and spectators, with more arguments.
    pub(crate) fn fracas(&self, players: usize, arguments: &[&str]) -> Result<ServerProcess> {
        let mut command = pinned(self.server_core, &sibling("fracas-server")?);
        let (hz, most, density) = (TICK_HZ.to_string(), players.max(16).to_string(), self.density.to_string());
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--fill", "0", "--seed", "1"]);
        command.args(["--event-loops", "1", "--tick-hz", &hz, "--max-players", &most]);
        if !arguments.contains(&"--density") {
            command.args(["--density", &density]);
        }
        command.args(arguments);
        ServerProcess::start(command)
    }

    /// The bare loop, with frames as long as those of a trace.
    pub(crate) fn floor(&self, players: usize, trace: &Path) -> Result<ServerProcess> {
        let mut command = self.myself(self.server_core)?;
        command.args(["floor", "--players", &players.to_string(), "--trace"]).arg(trace);
        ServerProcess::start(command)
    }

    /// The room served in another way.
    pub(crate) fn model(&self, model: Model, players: usize) -> Result<ServerProcess> {
        let mut command = self.myself(self.server_core)?;
        command.args(["model", "--model", model.name(), "--players", &players.to_string()]);
        ServerProcess::start(command)
    }

    fn myself(&self, core: usize) -> Result<Command> {
        Ok(pinned(core, &std::env::current_exe()?))
    }

    /// Lets a swarm of so many players loose on a server.
    pub(crate) fn swarm(&self, server: &ServerProcess, players: usize, arguments: &[&str]) -> Result<Measured> {
        let mut command = self.myself(self.swarm_core)?;
        command.args(["swarm", "--address", &server.address.to_string(), "--pid", &server.pid().to_string()]);
        command.args(["--players", &players.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(["--tick-hz", &TICK_HZ.to_string(), "--settle", &self.settle.to_string()]).args(arguments);
        let text = output_of(command)?;
        serde_json::from_str(&text).with_context(|| format!("the swarm said {text}"))
    }

    /// A map on which nobody is out of anybody's sight: one tile with 512 by 384 units of open ground, and the ways to
    /// its neighbours that a map must have. The ends of these are 480 units apart, just inside of what a square view keeps.
    pub(crate) fn one_screen_map(&self) -> Result<PathBuf> {
        const SIDE: usize = 8;
        let is_open = |row: usize, column: usize| (1..SIDE - 1).contains(&row) || column == SIDE / 2;
        let is_wall = |index: usize| u8::from(!is_open(index / SIDE, index % SIDE));
        let walls: Vec<_> = (0..SIDE * SIDE).map(is_wall).collect();
        let layer = serde_json::json!({ "type": "tilelayer", "name": "walls", "data": walls });
        let file = self.folder.join("one-screen.tmj");
        std::fs::write(&file, serde_json::json!({ "width": SIDE, "height": SIDE, "layers": [layer] }).to_string())?;
        Ok(file)
    }

    /// Where the frames' lengths of a run are kept.
    pub(crate) fn trace_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.lengths"))
    }
}
