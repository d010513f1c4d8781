//! The page's three parts, put together for the server or into one file.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The page's style sheet.
pub const STYLE: &str = include_str!("assets/page.css");

/// The page's script: its parts in the order in which they stand on each other.
pub const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("assets/words.js"),
    include_str!("assets/data.js"),
    include_str!("assets/charts.js"),
    include_str!("assets/heat.js"),
    include_str!("assets/parts.js"),
    include_str!("assets/models.js"),
    include_str!("assets/feature.js"),
    include_str!("assets/page.js"),
);

const PAGE: &str = include_str!("assets/page.html");
/// What stands in the page for the parts that are put in.
const HEAD: &str = "<!--head-->";
const TAIL: &str = "<!--tail-->";

/// The page as the server gives it: style and script are its own paths.
pub fn page() -> String {
    let head = "<link rel=\"stylesheet\" href=\"page.css\">\n<script src=\"page.js\" defer></script>";
    PAGE.replacen(HEAD, head, 1).replacen(TAIL, "", 1)
}

/// The page as one file, with `json` as its data. Its own rule lets nothing run but its own script
/// and nothing be asked of anyone.
pub fn self_contained(json: &str) -> String {
    let (script, style) = (hash(SCRIPT), hash(STYLE));
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'"
    );
    let head =
        format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n<style>{STYLE}</style>");
    let tail = format!(
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>",
        inert(json)
    );
    PAGE.replacen(HEAD, &head, 1).replacen(TAIL, &tail, 1)
}

/// What names a script or a style in a content security policy.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// JSON that can neither end the element it stands in nor begin another: `<` stands only inside of
/// strings, where its escape says the same.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_its_own_paths_and_no_other_place() {
        let page = page();
        assert!(page.contains("href=\"page.css\"") && page.contains("src=\"page.js\""), "{page}");
        for text in [&page, STYLE, SCRIPT] {
            let places = text.matches("://").count() - text.matches("http://www.w3.org/").count();
            assert_eq!(places, 0, "an address outside");
        }
    }

    #[test]
    fn data_in_a_report_are_data_whatever_they_say() {
        let hostile = r#"{"model":"</script><script>alert(1)</script><!--"}"#;
        let report = self_contained(hostile);
        assert_eq!(report.matches("<script").count(), 2);
        assert_eq!(report.matches("</script>").count(), 2);
        let data =
            report.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        let read: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(read, serde_json::from_str::<serde_json::Value>(hostile).unwrap());
    }

    #[test]
    fn a_part_of_the_page_ends_no_element_that_it_is_put_into() {
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</style"));
    }
}
