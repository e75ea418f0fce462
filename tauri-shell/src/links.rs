//! Links that open the app: `ashore:?relay=…#join=CODE`, or the page's own link as a browser shows it. What they mean is the page's matter; here
//! they are only kept from being anything else.

use tauri::Url;

/// Room for a ticket with several relays.
const MAX_BYTES: usize = 4096;

/// The first of the program's arguments that is such a link.
pub(crate) fn among(arguments: &[String]) -> Option<String> {
    arguments.iter().skip(1).find_map(|argument| checked(argument))
}

/// The link, when it is one that offers something.
pub(crate) fn checked(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let known = matches!(url.scheme(), "ashore" | "http" | "https");
    let offers = url.fragment()?.split('&').any(|part| part.starts_with("join=") || part.starts_with("ticket="));
    (known && offers).then(|| url.to_string())
}

/// What stands behind the `#` of the page's address to hand the link to it. There, so that a page that is shown already hears of it without being
/// loaded again.
pub(crate) fn fragment(link: &str) -> String {
    let made = Url::parse_with_params("ashore:", [("link", link)]).ok();
    made.and_then(|made| made.query().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, among, checked, fragment};
    use tauri::Url;

    #[test]
    fn a_link_is_found_among_the_arguments_and_the_program_is_not_one() {
        let link = "ashore:?relay=wss%3A%2F%2Fr.example%2Fv1%2Fws#join=ABCD-EFGH-JKMN-PQRS";
        let arguments = ["ashore:#join=no", "--flag", "notes.txt", link, "ashore:#join=second"].map(str::to_owned);
        assert_eq!(among(&arguments).as_deref(), Some(link));
        assert_eq!(among(&["saltbox".to_owned()]), None);
    }

    #[test]
    fn what_offers_nothing_or_is_no_link_of_ours_is_not_opened() {
        for text in [
            "",
            "join",
            "ashore:",
            "ashore:#/list/1",
            "file:///etc/passwd#join=ABCD",
            "javascript:alert(1)#join=ABCD",
            &format!("ashore:#join={}", "A".repeat(MAX_BYTES)),
        ] {
            assert_eq!(checked(text), None, "{text}");
        }
        assert!(checked("https://relay.example/?x=1#join=ABCD").is_some());
        assert!(checked("ashore:#ticket=abc&relay=wss%3A%2F%2Fr.example").is_some());
    }

    #[test]
    fn a_link_reaches_the_page_whole_whatever_it_holds() {
        let link = "ashore:?relay=ws%3A%2F%2Fa&b=1#join=A&x=\"'<>";
        let fragment = fragment(link);
        let read = Url::parse(&format!("x:?{fragment}")).expect("an address");
        assert_eq!(read.query_pairs().collect::<Vec<_>>(), [("link".into(), link.into())]);
        assert!(!fragment.contains(['"', '\'', '<', '>', '#']), "{fragment}");
    }
}
