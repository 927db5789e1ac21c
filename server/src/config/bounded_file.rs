//! Reads a file with a bound.

use std::fs::File;
use std::io::Read;
use std::path::Path;

const MIB: u64 = 1024 * 1024;

/// Reads a file of at most so many bytes.
pub(super) fn read_bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    if path.is_dir() {
        return Err("it is a folder; name a file".into());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        let most = if bytes_max >= MIB { format!("{} MiB", bytes_max / MIB) } else { format!("{bytes_max} bytes") };
        return Err(format!("it is larger than {most}"));
    }
    Ok(bytes)
}

/// Reads a file of text. The byte order mark that some editors put in front is no part of it.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let bytes = read_bytes(path, bytes_max)?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8; save it as UTF-8")?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
