/// From the least to the greatest: each is darker than the one before, so that they differ without colour too.
const SHADES: [u32; 5] = [0x00E4_F2E8, 0x00F6_E7AE, 0x00F2_C48D, 0x00E5_917B, 0x00BF_5252];

/// What a level is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shade {
    /// Red, green, blue.
    pub colour: u32,
    /// A text on it is light.
    pub dark: bool,
}

/// The shade of the level of this rank, of so many.
pub fn shade(rank: usize, levels: usize) -> Shade {
    let last = SHADES.len() - 1;
    let at = if levels < 2 { 0 } else { (rank * last).div_euclid(levels - 1).min(last) };
    Shade { colour: SHADES[at], dark: at == last }
}

impl Shade {
    /// Such as `#e4f2e8`.
    pub fn hex(self) -> String {
        format!("#{:06x}", self.colour)
    }

    pub fn ink(self) -> &'static str {
        if self.dark { "#ffffff" } else { "#1f3044" }
    }
}

#[cfg(test)]
mod tests {
    use super::shade;

    #[test]
    fn the_least_is_the_lightest_and_the_greatest_the_darkest() {
        let hex = |levels| (0..levels).map(|rank| shade(rank, levels).hex()).collect::<Vec<_>>();
        assert_eq!(hex(4), ["#e4f2e8", "#f6e7ae", "#f2c48d", "#bf5252"]);
        assert_eq!(hex(1), ["#e4f2e8"]);
        assert_eq!(hex(9).last().map(String::as_str), Some("#bf5252"));
        assert_eq!((shade(3, 4).ink(), shade(0, 4).ink(), shade(7, 3).dark), ("#ffffff", "#1f3044", true));
    }
}
