//! A QR code as an SVG in a data URL. Source: ISO/IEC 18004; the encoding is `qrcodegen`'s.

use data_encoding::BASE64;
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write as _;

/// The quiet zone around the code, in modules.
const BORDER: i32 = 4;

/// A black-on-white QR code of this text, at error correction level M. Empty when the text is too long for any code (2,331 bytes).
pub(super) fn svg_data_url(text: &str) -> String {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return String::new() };
    format!("data:image/svg+xml;base64,{}", BASE64.encode(svg(&code).as_bytes()))
}

fn svg(code: &QrCode) -> String {
    let size = code.size() + 2 * BORDER;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count() as i32;
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + BORDER, y + BORDER);
            }
            x += run.max(1);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>"
    )
}
