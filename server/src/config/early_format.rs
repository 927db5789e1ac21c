//! What the log looks like before the settings are read.

use super::layers;
use super::logging::LogFormat;
use std::ffi::OsString;
use std::path::Path;

/// The format from flags, environment and file, without checking any other setting. A mistake in the settings must be
/// logged in this format, too.
pub fn expected_format(arguments: &[OsString]) -> LogFormat {
    let given = |flag: &str, variable: &str| value_of(arguments, flag).or_else(|| std::env::var_os(variable));
    let in_file = || layers::file_format(Path::new(&given("--config", "FRACAS_CONFIG")?));
    let format = given("--log-format", "FRACAS_LOG_FORMAT").or_else(|| in_file().map(Into::into));
    if format.is_some_and(|format| format == "json") { LogFormat::Json } else { LogFormat::Text }
}

/// The value of a flag: the next argument, or what follows `=`.
fn value_of(arguments: &[OsString], flag: &str) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let bytes = argument.as_encoded_bytes();
        match bytes.strip_prefix(flag.as_bytes()) {
            Some(b"") => return arguments.next().cloned(),
            // It is a path at most; one that is not UTF-8 is found to be missing.
            Some([b'=', value @ ..]) => return Some(String::from_utf8_lossy(value).into_owned().into()),
            _ => {}
        }
    }
    None
}
