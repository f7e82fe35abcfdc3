//! Which files can be a logo. It is drawn on paper by a program that must neither run, load nor be kept busy by anything in it.

use access::logo::{Picture, PictureKind};
use roxmltree::{Document, Node};
use std::io::Cursor;

pub const MOST_BYTES: usize = 64 * 1024;

/// Of a PNG, each way: a small file may unfold to a large picture.
const MOST_PIXELS: u32 = 2_000;

/// How deep the elements of an SVG may lie in each other.
const DEEPEST: usize = 30;

const SVG: &str = "http://www.w3.org/2000/svg";

/// What is drawn as it stands. What repeats (`use`, `pattern`), cuts (`clipPath`, `mask`) or computes (`filter`) can be made to take
/// for ever, and what embeds (`image`, `foreignObject`, `script`) brings something else along.
const DRAWN: [&str; 17] = [
    "svg",
    "g",
    "defs",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "linearGradient",
    "radialGradient",
    "stop",
    "title",
    "desc",
    "metadata",
    "style",
];

/// The picture, or what is wrong with the file and what to do.
pub fn checked(file: &[u8]) -> Result<Picture, String> {
    if file.is_empty() {
        return Err("it is empty: send the file itself, a PNG or an SVG".to_owned());
    }
    if file.starts_with(b"\x89PNG") {
        checked_png(file)?;
        return Ok(Picture::of(PictureKind::Png, file));
    }
    let text = std::str::from_utf8(file).map_err(|_| "it is neither a PNG nor an SVG in UTF-8".to_owned())?;
    checked_svg(text)?;
    Ok(Picture::of(PictureKind::Svg, file))
}

fn checked_png(file: &[u8]) -> Result<(), String> {
    let broken = |error: png::DecodingError| format!("the PNG cannot be read: {error}");
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().map_err(broken)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > MOST_PIXELS || height > MOST_PIXELS {
        return Err(format!("it has {width} by {height} pixels: make it {MOST_PIXELS} at most each way"));
    }
    let size = reader.output_buffer_size().ok_or_else(|| "the PNG is too large".to_owned())?;
    reader.next_frame(&mut vec![0; size]).map_err(broken)?;
    Ok(())
}

fn checked_svg(text: &str) -> Result<(), String> {
    let document = Document::parse(text).map_err(|error| format!("it is neither a PNG nor an SVG: {error}"))?;
    if !document.root_element().has_tag_name((SVG, "svg")) {
        return Err("it is neither a PNG nor an SVG: its first element is not `svg` of the SVG namespace".to_owned());
    }
    // Depth first, without recursion, which a deep file would turn against us.
    let mut open = vec![(document.root_element(), 1)];
    while let Some((node, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err(format!("its elements lie more than {DEEPEST} deep in each other: flatten it"));
        }
        checked_element(node)?;
        open.extend(node.children().filter(Node::is_element).map(|child| (child, depth + 1)));
    }
    Ok(())
}

fn checked_element(node: Node) -> Result<(), String> {
    let name = node.tag_name().name();
    // What a drawing program notes for itself stands in namespaces of its own, and is not drawn.
    if node.tag_name().namespace() == Some(SVG) && !DRAWN.contains(&name) {
        return Err(format!(
            "`{name}` cannot be in it: export it as plain SVG of shapes, paths and gradients, or take a PNG"
        ));
    }
    for attribute in node.attributes() {
        let (name, value) = (attribute.name(), attribute.value());
        if name.starts_with("on") {
            return Err(format!("the attribute `{name}` would run a script: remove it"));
        }
        if name == "href" && !value.starts_with('#') {
            return Err("a reference leads out of the file: remove `href`, or embed what it names as shapes".to_owned());
        }
        refuse_outside(value)?;
    }
    node.text().map_or(Ok(()), refuse_outside)
}

/// Styles refer to what is in the file alone.
fn refuse_outside(text: &str) -> Result<(), String> {
    let compact: String = text.chars().filter(|char| !char.is_whitespace() && !"\"'".contains(*char)).collect();
    let lower = compact.to_lowercase();
    let leads_out = lower.split("url(").skip(1).any(|rest| !rest.starts_with('#'));
    if leads_out || lower.contains("@import") {
        return Err("a style leads out of the file: remove `@import`, and `url(...)` of anything but `#...`".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::checked;
    use access::logo::PictureKind;

    fn svg(inner: &str) -> String {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{inner}</svg>"#)
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().expect("a header");
        let pixels = usize::try_from(width * height).expect("a size");
        writer.write_image_data(&vec![0; pixels]).expect("written");
        drop(writer);
        file
    }

    #[test]
    fn a_plain_picture_is_taken() {
        let gradient = svg(r#"<linearGradient id="a"/><g style="fill:url(#a)"><path d="M0 0h1v1z"/></g>"#);
        assert_eq!(checked(gradient.as_bytes()).map(|picture| picture.kind), Ok(PictureKind::Svg));
        assert_eq!(checked(&png(8, 8)).map(|picture| picture.kind), Ok(PictureKind::Png));
    }

    #[test]
    fn what_runs_loads_or_never_ends_is_refused_with_a_remedy() {
        let deep = svg(&format!("{}{}", "<g>".repeat(40), "</g>".repeat(40)));
        for (file, told) in [
            (svg("<script>1</script>"), "`script`"),
            (svg("<foreignObject/>"), "`foreignObject`"),
            (svg(r#"<image href="file:///etc/passwd"/>"#), "`image`"),
            (svg(r##"<use href="#a"/>"##), "`use`"),
            (svg(r#"<g onload="x()"/>"#), "would run a script"),
            (svg(r#"<linearGradient xlink:href="https://example.org/a"/>"#), "leads out of the file"),
            (svg(r#"<path style="fill: URL( 'https://example.org')"/>"#), "leads out of the file"),
            (svg("<style>@import 'https://example.org/a.css'</style>"), "leads out of the file"),
            (deep, "flatten it"),
            ("<!DOCTYPE svg [<!ENTITY a \"b\">]><svg/>".to_owned(), "neither a PNG nor an SVG"),
            ("<html/>".to_owned(), "neither a PNG nor an SVG"),
            (String::new(), "it is empty"),
        ] {
            let refused = checked(file.as_bytes()).expect_err(told);
            assert!(refused.contains(told), "{refused}");
        }
        assert!(checked(&png(2_001, 1)).is_err_and(|why| why.contains("2001 by 1 pixels")));
        let half = &png(800, 800)[..100];
        assert!(checked(half).is_err_and(|why| why.contains("cannot be read")));
        assert!(checked(b"\xff\xfe").is_err());
    }
}
