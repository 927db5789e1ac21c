//! The settings that a game adds to the server's: what each may be, and what the operator set.

/// A setting of a game. The server reads it as it reads its own: from a flag, the environment and the settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, in lower-case words joined by `-`: the flag is `--name`.
    pub name: &'static str,
    /// What stands for the value in the help, such as `N`.
    pub value_name: &'static str,
    /// What it does, in one line. Without a default it ends with an example for the config template: `[example: 40]`.
    pub help: &'static str,
    /// What it may be.
    pub kind: SettingKind,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// A whole number.
    Number {
        /// Without a default it may be left out.
        default: Option<u32>,
        /// The least that is allowed.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A file, which the server reads as it starts. It may be left out.
    File {
        /// The most bytes that are read.
        bytes_max: u64,
    },
}

/// A setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// Of a [`SettingKind::Number`].
    Number(u32),
    /// The content of a [`SettingKind::File`].
    File(Vec<u8>),
}

/// What a game's settings are set to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: Vec<(&'static str, SettingValue)>,
}

impl Settings {
    /// Each setting as it is when nobody sets it.
    pub fn defaults(settings: &[Setting]) -> Self {
        let values = settings.iter().filter_map(|setting| match setting.kind {
            SettingKind::Number { default, .. } => Some((setting.name, SettingValue::Number(default?))),
            SettingKind::File { .. } => None,
        });
        Self { values: values.collect() }
    }

    /// Sets a value, which replaces an earlier one.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: SettingValue) -> Self {
        self.values.retain(|(other, _)| *other != name);
        self.values.push((name, value));
        self
    }

    /// The number that a setting has; none if it was left out.
    pub fn number(&self, name: &str) -> Option<u32> {
        match self.get(name)? {
            SettingValue::Number(number) => Some(*number),
            SettingValue::File(_) => None,
        }
    }

    /// The content of the file that a setting names; none if it was left out.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        match self.get(name)? {
            SettingValue::File(content) => Some(content),
            SettingValue::Number(_) => None,
        }
    }

    fn get(&self, name: &str) -> Option<&SettingValue> {
        self.values.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}
