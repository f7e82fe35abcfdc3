//! Small drawings, as text: they are their own description for whom reads them aloud, and look the same on paper.

use std::fmt::Write;

/// The fonts that papers are set in come first.
const FONTS: &str = "Libertinus Serif, Georgia, serif";

const INK: &str = "#1f3044";

/// A drawing of a size.
pub struct Drawing {
    width: u32,
    height: u32,
    body: String,
}

/// Where a text stands to its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, body: String::new() }
    }

    pub fn rectangle(&mut self, (x, y): (u32, u32), (width, height): (u32, u32), fill: &str) {
        // Writing to a text never fails.
        let _ = write!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\" stroke=\"{INK}\" \
             stroke-width=\"0.75\"/>"
        );
    }

    pub fn line(&mut self, (x1, y1): (u32, u32), (x2, y2): (u32, u32)) {
        let _ = write!(
            self.body,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{INK}\" stroke-width=\"0.5\" \
             stroke-opacity=\"0.4\"/>"
        );
    }

    pub fn text(&mut self, (x, y): (u32, u32), anchor: Anchor, size: u32, text: &str) {
        self.inked((x, y), anchor, size, INK, text);
    }

    pub fn inked(&mut self, (x, y): (u32, u32), anchor: Anchor, size: u32, ink: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{ink}\">{}</text>",
            escaped(text)
        );
    }

    /// The same, from below upwards.
    pub fn upright(&mut self, (x, y): (u32, u32), size: u32, text: &str) {
        let _ = write!(
            self.body,
            "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\" font-size=\"{size}\" \
             fill=\"{INK}\">{}</text>",
            escaped(text)
        );
    }

    pub fn svg(self, title: &str, described: &str) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
             {height}\" role=\"img\" aria-labelledby=\"title described\" font-family=\"{FONTS}\"><title id=\"title\">{}\
             </title><desc id=\"described\">{}</desc><rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>{body}\
             </svg>\n",
            escaped(title),
            escaped(described)
        )
    }
}

/// A text that is shown is never markup; what XML cannot carry is a blank.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            control if control.is_control() => written.push(' '),
            other => written.push(other),
        }
    }
    written
}

/// As much of it as a label has room for.
pub fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Drawing, short};

    #[test]
    fn a_text_is_never_markup() {
        let mut drawing = Drawing::new(10, 10);
        drawing.text((1, 2), Anchor::Middle, 12, "<script>\"a\" & b\u{1}</script>");
        let svg = drawing.svg("A & B", "<x>");
        assert!(svg.contains("&lt;script&gt;&quot;a&quot; &amp; b &lt;/script&gt;"), "{svg}");
        assert!(svg.contains("A &amp; B</title>") && svg.contains(">&lt;x&gt;</desc>"), "{svg}");
        assert_eq!((short("Possible", 8).as_str(), short("Almost certain", 8).as_str()), ("Possible", "Almost …"));
    }
}
