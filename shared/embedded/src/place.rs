use crate::{Error, account};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the data lies when nobody says: the system's place for root, the user's own for everybody else.
pub fn default_data_dir() -> Result<PathBuf, Error> {
    choose(account::is_root(), env::var_os("XDG_DATA_HOME"), env::home_dir()).ok_or(Error::NoHome)
}

fn choose(root: bool, data_home: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/var/lib/stele"));
    }
    data_home
        .map(PathBuf::from)
        // The XDG specification says to ignore a relative one.
        .filter(|folder| folder.is_absolute())
        .or_else(|| home.filter(|folder| folder.is_absolute()).map(|folder| folder.join(".local/share")))
        .map(|folder| folder.join("stele"))
}

#[cfg(test)]
mod tests {
    use super::choose;
    use std::path::PathBuf;

    #[test]
    fn the_data_lies_where_the_system_keeps_such() {
        let home = || Some(PathBuf::from("/home/ada"));
        let cases = [
            (choose(true, Some("/xdg".into()), home()), Some("/var/lib/stele")),
            (choose(false, Some("/xdg".into()), home()), Some("/xdg/stele")),
            (choose(false, Some("relative".into()), home()), Some("/home/ada/.local/share/stele")),
            (choose(false, None, home()), Some("/home/ada/.local/share/stele")),
            (choose(false, None, None), None),
        ];
        for (chosen, expected) in cases {
            assert_eq!(chosen, expected.map(PathBuf::from));
        }
    }
}
