//! Puts the page into the binary, and the commit it was built from.

use std::process::Command;

fn main() {
    memory_serve::load_directory("../assets/web/page");
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = commit.ok().filter(|output| output.status.success());
    let commit =
        commit.map_or_else(|| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo::rustc-env=FRACAS_COMMIT={commit}");
    println!("cargo::rerun-if-changed=../.git/HEAD");
}
