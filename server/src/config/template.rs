//! The config template: a file with every setting commented out, made from the settings' own help.

use super::layers::settings;
use clap::{Arg, ArgAction, Command};

/// The file, for a command line without the settings' variables in its help.
pub(super) fn render(command: &Command) -> String {
    let program = command.get_name();
    let mut text = format!("# Settings of {program}; each can also be a flag or FRACAS_... in the environment.\n");
    for (name, argument) in settings(command) {
        let (help, example) = help_and_example(argument);
        text += &format!("\n# {help}\n# {name} = {}\n", in_toml(argument, &example));
    }
    text
}

/// A setting's help, and its default or the example that the help ends with.
fn help_and_example(argument: &Arg) -> (String, String) {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let default = argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    match (default, help.split_once(" [example: ")) {
        (Some(default), _) => (format!("{help}. [default: {default}]"), default),
        (None, Some((help, example))) => (help.into(), example.trim_end_matches(']').into()),
        (None, None) => (help, String::new()),
    }
}

fn in_toml(argument: &Arg, text: &str) -> String {
    let one = |text: &str| {
        let is_bare = text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok();
        if is_bare { text.to_owned() } else { format!("{text:?}") }
    };
    match argument.get_action() {
        ArgAction::Append => format!("[{}]", text.split(',').map(one).collect::<Vec<_>>().join(", ")),
        _ => one(text),
    }
}
