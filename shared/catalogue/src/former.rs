//! The 114 controls of ISO/IEC 27001:2013 Annex A, in the standard's order.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FormerControl {
    /// As the standard numbers it: `A.5.1.1`.
    pub id: String,
    pub title: String,
}

pub fn annex_a_2013() -> &'static [FormerControl] {
    static CONTROLS: LazyLock<Vec<FormerControl>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct File {
            controls: Vec<FormerControl>,
        }
        let file: File = serde_json::from_str(include_str!("../data/annex_a_2013.json"))
            .expect("the embedded Annex A of 2013 is valid");
        file.controls
    });
    &CONTROLS
}
