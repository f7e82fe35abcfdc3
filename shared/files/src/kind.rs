use std::fmt::Write;

/// How many of the first bytes tell what a file is.
pub const HEAD: usize = 8 * 1024;

/// What a file may be. All that is kept is on this list: documents, tables, pictures, and what is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub media_type: &'static str,
    endings: &'static [&'static str],
    content: Content,
}

/// How its first bytes must read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// They are this kind's own.
    Own,
    /// A zip archive, as an office writes its documents: where the parts do not tell which, it may be any of them.
    Zip,
    Text,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error("`{0}` is not kept here: it may be one of {list}", list = list())]
    Kind(String),
    #[error("it cannot be told what `{0}` is: say it by Content-Type, one of {list}", list = list())]
    Unnamed(String),
    #[error("it is said to be {said}, and its content is {found}: say what it is, or send the file that was meant")]
    Content { said: &'static str, found: &'static str },
}

macro_rules! kinds {
    ($($media_type:literal $content:ident $($ending:literal)+;)+) => {
        &[$(Kind { media_type: $media_type, endings: &[$($ending),+], content: Content::$content }),+]
    };
}

const KINDS: &[Kind] = kinds! {
    "application/pdf" Own "pdf";
    "image/png" Own "png";
    "image/jpeg" Own "jpg" "jpeg";
    "image/webp" Own "webp";
    "image/tiff" Own "tif" "tiff";
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document" Zip "docx";
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" Zip "xlsx";
    "application/vnd.openxmlformats-officedocument.presentationml.presentation" Zip "pptx";
    "application/vnd.oasis.opendocument.text" Zip "odt";
    "application/vnd.oasis.opendocument.spreadsheet" Zip "ods";
    "application/vnd.oasis.opendocument.presentation" Zip "odp";
    "application/zip" Own "zip";
    "text/plain" Text "txt" "log";
    "text/csv" Text "csv";
    "text/markdown" Text "md";
    "application/json" Text "json";
    "message/rfc822" Text "eml";
};

fn list() -> String {
    KINDS.iter().fold(String::new(), |mut list, kind| {
        let separator = if list.is_empty() { "" } else { ", " };
        let _ = write!(list, "{separator}{} ({})", kind.media_type, kind.endings.join(", "));
        list
    })
}

impl Kind {
    /// What a file is said to be: by its media type, and where none is given by the ending of its name.
    pub fn declared(media_type: Option<&str>, name: &str) -> Result<Self, NotAllowed> {
        let said = media_type.map(|said| said.split(';').next().unwrap_or_default().trim());
        // What curl says of any body that it is given. No file is that.
        let said = said.filter(|said| !said.is_empty() && *said != "application/x-www-form-urlencoded");
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let found = KINDS.iter().find(|kind| match said {
            Some(said) => kind.media_type.eq_ignore_ascii_case(said),
            None => kind.endings.iter().any(|one| one.eq_ignore_ascii_case(ending)),
        });
        found.copied().ok_or_else(|| match said {
            Some(said) => NotAllowed::Kind(said.chars().take(100).collect()),
            None => NotAllowed::Unnamed(name.to_owned()),
        })
    }

    /// Whether the first [`HEAD`] bytes, or all where there are fewer, are such a file's.
    pub fn check(self, head: &[u8]) -> Result<(), NotAllowed> {
        let head = head.get(..HEAD).unwrap_or(head);
        let found = infer::get(head).map(|found| found.mime_type());
        let fits = match (self.content, found) {
            (Content::Own, found) => found == Some(self.media_type),
            (Content::Zip, found) => found == Some(self.media_type) || found == Some("application/zip"),
            (Content::Text, found) => found.is_none_or(|found| found.starts_with("text/")) && is_text(head),
        };
        let unknown = if is_text(head) { "text" } else { "something else" };
        if fits { Ok(()) } else { Err(NotAllowed::Content { said: self.media_type, found: found.unwrap_or(unknown) }) }
    }
}

/// In any encoding that goes by bytes: no file of text has these.
fn is_text(head: &[u8]) -> bool {
    !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127))
}

#[cfg(test)]
mod tests {
    use super::{Kind, NotAllowed};

    const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0";

    fn checked(media_type: Option<&str>, name: &str, head: &[u8]) -> Result<&'static str, NotAllowed> {
        let kind = Kind::declared(media_type, name)?;
        kind.check(head).map(|()| kind.media_type)
    }

    #[test]
    fn what_is_said_and_what_is_found_must_agree() {
        assert_eq!(checked(Some("application/pdf"), "a", PDF), Ok("application/pdf"));
        assert_eq!(checked(Some("Application/PDF; version=1"), "a", PDF), Ok("application/pdf"));
        assert_eq!(checked(Some("image/png"), "a", PNG), Ok("image/png"));
        assert_eq!(checked(Some("text/csv"), "a", "a;b\ncaf\u{e9};1\n".as_bytes()), Ok("text/csv"));
        assert_eq!(checked(Some("text/csv"), "a", b"a;b\ncaf\xe9;1\n"), Ok("text/csv"), "of another country");
        assert!(checked(None, "a.docx", ZIP).is_ok_and(|kind| kind.ends_with("wordprocessingml.document")));
        let content = |said, found| Err(NotAllowed::Content { said, found });
        assert_eq!(checked(Some("application/pdf"), "a", PNG), content("application/pdf", "image/png"));
        assert_eq!(checked(Some("application/pdf"), "a", b"hello"), content("application/pdf", "text"));
        assert_eq!(checked(Some("text/plain"), "a", b"\x1f\x8b\x08\0"), content("text/plain", "application/gzip"));
        assert_eq!(checked(Some("text/plain"), "a", b"a\0b"), content("text/plain", "something else"));
        assert_eq!(checked(Some("application/zip"), "a", PDF), content("application/zip", "application/pdf"));
    }

    #[test]
    fn a_name_tells_what_it_is_where_nothing_else_does() {
        assert_eq!(checked(None, "Test report.PDF", PDF), Ok("application/pdf"));
        assert_eq!(checked(Some("application/x-www-form-urlencoded"), "a.pdf", PDF), Ok("application/pdf"));
        assert_eq!(checked(None, "report", PDF), Err(NotAllowed::Unnamed("report".to_owned())));
    }

    #[test]
    fn what_is_not_on_the_list_is_refused_with_the_list() {
        for media_type in ["text/html", "image/svg+xml", "application/octet-stream", "application/msword"] {
            let refused = checked(Some(media_type), "a.pdf", PDF).expect_err("refused").to_string();
            let told =
                format!("`{media_type}` is not kept here: it may be one of application/pdf (pdf), image/png (png)");
            assert!(refused.starts_with(&told), "{refused}");
        }
    }
}
